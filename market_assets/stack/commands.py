"""`market-assets demo` and `market-assets up`, from the settings to the last stopped process."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from market_assets.errors import IntervalsMissing
from market_assets.settings import Settings, load_settings
from market_assets.settings.folders import in_use
from market_assets.stack import display, ports
from market_assets.stack.dagster_api import AssetKey, DagsterApi
from market_assets.stack.first_days import DAYS, FirstDays
from market_assets.stack.layout import Layout
from market_assets.stack.lock import only_one, publish
from market_assets.stack.platform_file import (
    ServedAt,
    demo_layout,
    live_layout,
    write_demo,
    write_live,
)
from market_assets.stack.room import blaming_a_full_disk, require_room
from market_assets.stack.stack import DOCS_PORT, UI_PORT, Plan, Stack

if TYPE_CHECKING:
    from rich.console import Console

_NAMED = 20
_STOPPED = "Stopped. All data is kept."
_LAYERS = {"raw": "raw assets", "marts": "marts"}


class Stopped(BaseException):
    """Somebody asked us to stop. Not an Exception: nothing on the way may swallow it."""


def demo(settings: Settings, *, port: int = UI_PORT, once: bool = False) -> None:
    """Simulated venues, the last days of every raw asset by real runs, then on until Ctrl-C."""
    out = display.console()
    layout = demo_layout(settings)
    with _held(layout):
        require_room(layout.state)
        publish(layout)
        ui, docs, metrics, simulated = ports.free_ports(
            port, DOCS_PORT, settings.metrics_port, settings.simulator.port
        )
        simulator = write_demo(settings, layout, simulated, ServedAt(ui, docs, metrics))
        plan = Plan(layout, ui, simulator=simulator, docs_port=docs, metrics_port=metrics)
        url = f"http://{ports.HOST}:{simulated}"
        _run(out, plan, simulator_url=url, bring_days=True, once=once)


def up(settings: Settings, *, port: int = UI_PORT) -> None:
    """The same on the venues of platform.yaml; schedules and conditions decide what is fetched."""
    out = display.console()
    layout = live_layout(settings)
    with _held(layout):
        publish(layout)
        ui, docs, metrics = ports.free_ports(port, DOCS_PORT, settings.metrics_port)
        write_live(settings, layout, ServedAt(ui, docs, metrics))
        plan = Plan(layout, ui, docs_port=docs, metrics_port=metrics)
        _run(out, plan, simulator_url=None, bring_days=False, once=False)


def _run(
    out: Console, plan: Plan, *, simulator_url: str | None, bring_days: bool, once: bool
) -> None:
    begun = time.monotonic()
    is_up = False
    stack = Stack(plan, tell=_teller(out))
    try:
        with stack:
            out.print(f"Starting Dagster; logs are in {plan.layout.logs}")
            stack.start()
            publish(plan.layout, url=stack.url)
            out.print(f"The UI is at {stack.url}")
            days, marts = FirstDays(stack.api), FirstDays(stack.api, "marts")
            if bring_days:
                _bring(out, stack, days)
                _bring(out, stack, marts)
            else:
                stack.start_daemon()
            stack.make_docs()
            stack.make_report()
            _summarise(out, plan.layout, stack.url, simulator_url, _worth_a_look(stack.api))
            out.print(f"\nUp after {display.duration(time.monotonic() - begun)}.", highlight=False)
            if once:
                _raise_if_missing(days)
                _raise_if_missing(marts)
            else:
                is_up = True
                out.print("Ctrl-C stops everything; the data stays.")
                stack.watch()
    except Stopped:
        # Once it is up, being stopped is how it ends; before that, somebody broke it off, and
        # the command line says the same of every command.
        if not is_up:
            raise KeyboardInterrupt from None
    except Exception:
        out.print(_STOPPED)
        raise
    out.print(_STOPPED)


def _bring(out: Console, stack: Stack, days: FirstDays) -> None:
    """Launch before the daemon starts: its looks at backfills are half a minute apart."""
    days.look()
    days.launch()
    stack.start_daemon()
    what = f"{len(days.wanted)} {_LAYERS[days.layer]}"
    if days.complete:
        out.print(f"The last {DAYS} days of {what} are already there.")
        return
    out.print(f"Materialising the last {DAYS} days of {what} by Dagster's runs")
    with display.progress(out, days.wanted) as show:
        days.follow(show, stack.check)
        if not days.complete:
            # A backfill that was going on when we came may have been about something else.
            days.launch()
            days.follow(show, stack.check)
    for missing in _missing(days)[:_NAMED]:
        out.print(f"[red]Not materialised:[/] {missing}")


def _summarise(
    out: Console, layout: Layout, url: str, simulator: str | None, asset: AssetKey | None
) -> None:
    from market_assets.warehouse.opening import disk_of, is_there, open_warehouse, place_of

    settings = load_settings(layout.platform, environ={})
    if is_there(settings):
        with open_warehouse(settings, read_only=True) as store:
            display.coverage(out, store.coverage_by_day())
    display.summary(
        out,
        url=url,
        layout=layout,
        warehouse=disk_of(settings) or place_of(settings),
        simulator=simulator,
        asset=asset,
        docs=settings.docs_url,
        report=settings.report_url,
        metrics=settings.metrics_url,
    )


def _worth_a_look(api: DagsterApi) -> AssetKey | None:
    """The asset whose partitions a newcomer sees first: raw candles, if there are any."""
    keys = [asset.key for asset in api.assets() if asset.partitioned]
    raw = [key for key in keys if key[0] == "raw" and key[-1].endswith("_ohlcv")]
    return next(iter([*raw, *keys]), None)


def _missing(days: FirstDays) -> list[str]:
    return [f"{'/'.join(key)} {name}" for key, names in days.missing.items() for name in names]


def _raise_if_missing(days: FirstDays) -> None:
    if not days.complete:
        raise IntervalsMissing(
            "Materialising the first days",
            f"{len(_missing(days))} partitions are missing",
            f"See {days.api.url}/runs, or start again: only these are asked for",
            intervals=_missing(days),
        )


def _teller(out: Console) -> Callable[[str], None]:
    return lambda message: out.print(message, highlight=False)


@contextmanager
def _held(layout: Layout) -> Iterator[None]:
    """The state folder is there, ours alone, and what is wrong with it is told as that."""
    with in_use(layout.state, "Starting"):
        layout.state.mkdir(parents=True, exist_ok=True)
        with only_one(layout), blaming_a_full_disk(layout.state), _interruptible():
            yield


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C, a closed terminal and `kill` all end the block once; then they are ignored.

    Stopping takes seconds, and an impatient second Ctrl-C must not leave processes behind.
    """
    kinds = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(_kind: int, _frame: FrameType | None) -> None:
        for kind in kinds:
            signal.signal(kind, signal.SIG_IGN)
        raise Stopped

    before = {kind: signal.signal(kind, stop) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
