"""What would stop the platform on this machine, as findings; nothing is printed or changed.

`diagnose` asks the machine and the venues; each check is a function with its facts as arguments.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from market_assets.errors import SettingsInvalid
from market_assets.settings import Secrets, Settings, VenueSettings, load_secrets
from market_assets.venues.registry import VENUES

if TYPE_CHECKING:
    import httpx

Status = Literal["ok", "warn", "fail"]

UI_PORT = 3000
PYTHON = (3, 11)
GIB = 2**30
DISK_WARN_BYTES = 5 * GIB
DISK_FAIL_BYTES = GIB // 2
SKEW_WARN_SECONDS = 1.0
SKEW_FAIL_SECONDS = 30.0
# A person waits for the answer: no longer than this, whatever the settings say.
REACH_SECONDS = 10.0
TIME_PATHS: Mapping[str, str] = {name: venue.time_call().path for name, venue in VENUES.items()}


@dataclass(frozen=True)
class Finding:
    """One check: what was found, and what to do about it when it is not ok."""

    check: str
    status: Status
    detail: str
    action: str = ""


def diagnose(
    settings: Settings,
    *,
    time_paths: Mapping[str, str] = TIME_PATHS,
    ui_port: int = UI_PORT,
    python: tuple[int, int] = sys.version_info[:2],
    secrets: Secrets | None = None,
) -> list[Finding]:
    """Every check, in the order in which a person would mend them."""
    findings = [
        Finding("settings", "ok", f"valid, from {settings.file or 'the defaults'}"),
        python_version(python),
        folder("state folder", settings.state_dir, "state_dir"),
    ]
    if settings.warehouse.engine == "ducklake":
        findings.append(folder("warehouse folder", settings.warehouse.path, "warehouse.path"))
    else:
        findings += on_bigquery(settings)
    secrets = load_secrets() if secrets is None else secrets
    if settings.dagster.storage == "postgres":
        findings += on_postgres(settings, secrets)
    findings += [
        port("UI port", ui_port, "stop that process, then start again"),
        port("simulator port", settings.simulator.port, "stop it, or set simulator.port"),
        port("metrics port", settings.metrics_port, "stop it; demo and up take the next free one"),
    ]
    findings += channels(settings, secrets)
    findings += market_alerts(settings)
    venues = settings.enabled_venues
    if not venues:
        return [
            *findings,
            Finding("venues", "warn", "none is enabled", "set venues.<name>.enabled"),
        ]
    with ThreadPoolExecutor(len(venues)) as pool:
        answers = pool.map(lambda name: reach(name, venues[name], time_paths.get(name)), venues)
        return [*findings, *(finding for answer in answers for finding in answer)]


def python_version(version: tuple[int, int]) -> Finding:
    found = f"{version[0]}.{version[1]}"
    if version == PYTHON:
        return Finding("Python", "ok", found)
    return Finding("Python", "fail", f"{found}, but 3.11 is needed", "make PYTHON=python3.11 venv")


def folder(check: str, path: Path, key: str, *, fail_below: int = DISK_FAIL_BYTES) -> Finding:
    """Room and the right to write, at the folder or at the nearest parent that exists."""
    there = next((place for place in (path, *path.parents) if place.exists()), None)
    if there is None or not there.is_dir():
        return Finding(check, "fail", f"{path}: {there} is not a folder", f"set {key} to a folder")
    try:
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        detail = f"{there} cannot be written: {error.strerror}"
        return Finding(check, "fail", detail, f"give this user the right to write, or set {key}")
    detail = f"{path}: {free / GIB:.1f} GiB free"
    if free < fail_below:
        return Finding(check, "fail", detail, f"free some space, or set {key} to another disk")
    if free < DISK_WARN_BYTES:
        return Finding(check, "warn", detail, f"free some space soon, or set {key} to another disk")
    return Finding(check, "ok", detail)


def on_bigquery(settings: Settings) -> list[Finding]:
    """Whether BigQuery can be reached, by whom, and whether the datasets are where they should."""
    from market_assets.warehouse.diagnosis import bigquery_findings

    found = bigquery_findings(settings)
    return [Finding(one.check, one.status, one.detail, one.action) for one in found]


def on_postgres(settings: Settings, secrets: Secrets) -> list[Finding]:
    """Whether Dagster will find the Postgres that is to keep its runs, and may use it."""
    from market_assets.doctor.postgres import postgres_findings

    return list(postgres_findings(settings, secrets))


def port(check: str, number: int, action: str) -> Finding:
    """Taken is a warning: the one who holds it may be the platform itself."""
    with socket.socket() as probe:
        # as servers do, so that connections of a process that has just ended do not count
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except PermissionError:
            return Finding(check, "fail", f"{number} needs more rights", "choose one above 1023")
        except OSError as error:
            held = f"{number} is taken{_holder(number)}: {error.strerror}"
            return Finding(check, "warn", held, action)
    return Finding(check, "ok", f"{number} is free")


def _holder(number: int) -> str:
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            if (
                connection.laddr
                and connection.laddr.port == number
                and connection.status == "LISTEN"
            ):
                if connection.pid == os.getpid():
                    return " by this process"
                if connection.pid:
                    return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.Error, OSError):
        pass  # other users' processes are hidden from us: the port is taken all the same
    return ""


def channels(settings: Settings, secrets: Secrets) -> list[Finding]:
    """Whether each alert channel has a URL that can be sent to; nothing is sent."""
    from market_assets.alerts.channel import open_channel

    alerts = settings.alerts
    if not alerts.channels:
        return [Finding("alert channels", "ok", "none but the log: logs/alerts.log in state_dir")]
    findings = []
    for channel in alerts.channels:
        check = f"alert channel {channel.name}"
        try:
            service = open_channel(channel, secrets, alerts.delivery.timeout_seconds)
        except SettingsInvalid as error:
            findings.append(Finding(check, "fail", error.problem, error.action))
            continue
        action = f"market-assets alerts test --channel {channel.name} sends to it"
        findings.append(Finding(check, "ok", f"{service.service_name}, not tried", action))
    return findings


def market_alerts(settings: Settings) -> list[Finding]:
    """Market alerts that can never fire, because nothing of what they compare is collected."""
    findings = []
    for alert in settings.alerts.market:
        own = {
            name
            for name, venue in settings.enabled_venues.items()
            if alert.symbol in {None, *venue.symbols}
            and (alert.rule == "funding_extreme" or "1h" in venue.intervals)
        }
        asked = " ".join(filter(None, (alert.venue, alert.symbol))) or "any symbol"
        what = "funding" if alert.rule == "funding_extreme" else "1h candles"
        check, action = f"market alert {alert.name}", "correct it, or collect that in venues"
        if not own or alert.venue not in {None, *own}:
            detail = f"it never fires: {what} of {asked} are not collected"
        elif alert.rule == "cross_venue_spread" and len(own) < 2:
            detail = f"it never fires: only {', '.join(own)} collects {what} of {asked}"
        else:
            findings.append(Finding(check, "ok", f"{what} of {asked}"))
            continue
        findings.append(Finding(check, "warn", detail, action))
    return findings


def reach(name: str, venue: VenueSettings, time_path: str | None) -> list[Finding]:
    """Whether the venue answers here, and how far our clock is from its own."""
    import httpx

    check = f"venue {name}"
    if time_path is None:
        return [
            Finding(
                check, "warn", "not asked: its time endpoint is unknown", "add it to TIME_PATHS"
            )
        ]
    url = f"{venue.base_url}{time_path}"
    seconds = min(venue.timeout_seconds, REACH_SECONDS)
    set_url = f"set venues.{name}.base_url to an address that answers, or use another network"
    try:
        with httpx.Client(timeout=seconds) as client:
            before = time.time()
            response = client.get(url)
            after = time.time()
    except httpx.TimeoutException:
        detail = f"{url}: no answer within {seconds:g} s"
        return [Finding(check, "fail", detail, f"check the network; {set_url}")]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        detail = f"{url}: {str(error) or type(error).__name__}"
        return [Finding(check, "fail", detail, f"check the network; {set_url}")]
    if response.status_code in {403, 451}:
        detail = f"{url}: HTTP {response.status_code}, a geo block: it does not serve this address"
        return [Finding(check, "fail", detail, set_url)]
    if response.status_code in {418, 429}:
        detail = f"{url}: HTTP {response.status_code}, too many requests from this address"
        return [Finding(check, "warn", detail, "wait; the platform waits by itself")]
    theirs = _server_seconds(name, response) if response.is_success else None
    if theirs is None:
        detail = f"{url}: HTTP {response.status_code}, but no time in the answer"
        return [Finding(check, "fail", detail, f"check that venues.{name}.base_url is {name}'s")]
    reached = Finding(check, "ok", f"{venue.base_url} answers in {(after - before) * 1000:.0f} ms")
    return [reached, clock(name, theirs, before, after)]


def _server_seconds(name: str, response: httpx.Response) -> float | None:
    """The venue's time, None where the answer does not look like this venue's."""
    try:
        return VENUES[name].parse_time(response.json()) / 1000
    except (ValueError, TypeError, KeyError, IndexError):
        return None


def clock(name: str, theirs: float, before: float, after: float) -> Finding:
    """Skew beyond what the round trip explains: the venue read its clock somewhere within it."""
    skew = max(before - theirs, theirs - after, 0.0)
    check = f"clock against {name}"
    if skew <= SKEW_WARN_SECONDS:
        return Finding(check, "ok", f"within {SKEW_WARN_SECONDS:g} s")
    side = "ahead of" if before > theirs else "behind"
    detail = f"this clock is {skew:.1f} s {side} {name}'s"
    action = "set the clock: timedatectl set-ntp true"
    return Finding(check, "fail" if skew > SKEW_FAIL_SECONDS else "warn", detail, action)
