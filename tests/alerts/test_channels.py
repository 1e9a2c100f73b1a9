"""Channels on loopback: a mail server and a web hook, and what nobody may ever read of them."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from alert_support import Webhook, at, logged, settings_for, verdict
from hypothesis import given, settings
from hypothesis import strategies as st
from paper_desk import PaperDesk

from market_assets.alerts.channel import open_channel, scrubbed, send
from market_assets.alerts.delivery import deliver as send_all
from market_assets.alerts.desk import Desk
from market_assets.schemas.alerts import AlertDelivery
from market_assets.schemas.verdicts import Verdict
from market_assets.settings import Secrets, Settings
from market_assets.settings.alerts import ChannelSettings
from market_assets.warehouse.ducklake import DuckLakeWarehouse

OpenDesk = Callable[..., Desk]
SECRET_PARTS = ("keeper", "Tr0ub4dor", "T0secretpath", "Xq7secret")


def messages(bad: Verdict, *channels: str) -> list[AlertDelivery]:
    """What firing makes for these channels; for the log when none is named."""
    desk = PaperDesk(channels)
    desk.look([bad], at(0))
    sending = [message for message in desk.messages if message.outcome == "sending"]
    wanted = channels or ("log",)
    return sorted(
        (message for message in sending if message.channel in wanted),
        key=lambda message: wanted.index(message.channel),
    )


def deliver(sent: list[AlertDelivery], settings: Settings, **urls: str) -> dict[str, str]:
    """Send for real; message -> error of those that did not arrive."""
    secrets = Secrets({f"{name}_url": url for name, url in urls.items() if url})
    return {name: error for name, error in send_all(sent, settings, secrets).items() if error}


class Mailbox:
    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802
        self.mails.append(
            (envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default))
        )
        return "250 OK"


@pytest.fixture
def mail_server() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    # Port 0 is not for aiosmtpd, which connects to the number it was given.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


def test_no_part_of_a_channels_url_is_kept_or_logged_whatever_goes_wrong(
    desk: OpenDesk, webhook: Webhook, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refused = webhook.url
    absent = refused.replace(str(webhook._server.server_port), "9")
    broken = refused.replace("json://", "jsn://")
    # Named, because other libraries of this process (kubernetes) silence it.
    with caplog.at_level(1), caplog.at_level(1, "urllib3.connectionpool"):
        webhook.status = 500
        ops = desk({"hook": refused, "gone": absent, "typo": broken})
        ops.tell([verdict()], at(0))
        webhook.status = 200
        ops.tell([verdict()], at(30))
    assert any(record.name == "urllib3.connectionpool" for record in caplog.records)
    with DuckLakeWarehouse(folder / "warehouse") as store:
        rows = store.query("SELECT * FROM ops.alert_deliveries").to_pylist()
        rows += store.query("SELECT * FROM ops.alerts").to_pylist()
    log = (folder / "state/logs/alerts.log").read_text()
    assert any("error=500" in str(row) for row in rows)
    assert any("Connection error" in str(row) for row in rows)
    assert any("no such scheme" in str(row) for row in rows)
    for part in SECRET_PARTS:
        assert part not in caplog.text
        assert part not in str(rows)
        assert part not in log


def test_an_error_that_quotes_the_url_is_scrubbed_with_its_decoded_parts() -> None:
    url = "slack://T1%20aa/B2bbbb/C3cccc?to=%23room"
    said = f"POST {url} failed: T1 aa, B2bbbb and C3cccc at #room"
    assert scrubbed(said, url) == "POST *** failed: ***, *** and *** at ***"


@settings(deadline=None)
@given(
    st.lists(st.text("abcXYZ019", min_size=3, max_size=12), min_size=3, max_size=5, unique=True),
    st.text("-:/ .", max_size=3),
)
def test_whatever_an_error_says_of_a_url_is_hidden(parts: list[str], between: str) -> None:
    user, password, host, *path = parts
    url = f"json://{user}:{password}@{host}/{'/'.join(path)}"
    said = scrubbed(between.join([*parts, url]), url)
    assert not any(part in said for part in parts)


def test_a_plugin_that_breaks_is_a_failure_without_its_words(webhook: Webhook) -> None:
    channel = ChannelSettings(name="ops", url_secret="ops_url")
    service = open_channel(channel, Secrets({"ops_url": webhook.url}), 5)

    class Broken(type(service)):  # type: ignore[misc]
        def send(self, **_: object) -> bool:
            raise RuntimeError(f"cannot reach {webhook.url}")

    service.__class__ = Broken
    error = send(service, webhook.url, "title", "body", "info")
    assert error
    assert not any(part in error for part in SECRET_PARTS)


def test_settings_have_the_last_word_on_how_long_a_channel_may_take(webhook: Webhook) -> None:
    channel = ChannelSettings(name="ops", url_secret="ops_url")
    service = open_channel(channel, Secrets({"ops_url": f"{webhook.url}&rto=99"}), 7)
    assert service.request_timeout == (7, 7)


def test_the_pure_parts_and_the_desk_load_no_heavy_library() -> None:
    code = (
        "import sys, market_assets.alerts.desk;"
        "print([m for m in ('apprise', 'duckdb', 'pyarrow', 'pandas', 'dagster', 'requests')"
        " if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_log_has_the_title_in_one_line_and_all_of_it_in_its_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "market_assets.alerts"):
        assert not deliver(messages(verdict(text="two\nlines")), settings_for(tmp_path, {}))
    [record] = [r for r in caplog.records if r.name == "market_assets.alerts"]
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "Completeness, binance BTCUSDT 1h: two lines"
    [line] = logged(tmp_path)
    assert (line["kind"], line["title"]) == ("fired", record.getMessage())
    assert "docs/operations.md#alert-completeness" in line["text"]


def test_a_log_that_cannot_be_written_is_a_failure_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("not a folder")
    [error] = deliver(messages(verdict()), settings_for(tmp_path, {})).values()
    assert "alerts.log cannot be written" in error


def test_an_alert_comes_by_mail(tmp_path: Path, mail_server: tuple[Mailbox, int]) -> None:
    box, port = mail_server
    url = f"mailto://127.0.0.1:{port}?from=platform@example.com&to=ops@example.com&mode=insecure"
    bad = verdict(value=12.5, limit=95, since=at(-60), text="12.5 % of the candles are there")
    sent = messages(bad, "mail")
    assert not deliver(sent, settings_for(tmp_path, {"mail": url}), mail=url)
    [(to, mail)] = box.mails
    assert to == ["ops@example.com"]
    assert mail["Subject"] == ("Completeness, binance BTCUSDT 1h: 12.5 % of the candles are there")
    text = mail.get_body(("plain", "html")).get_content()
    for fact in (
        "warning",
        "BTCUSDT 1h: 12.5 % of the candles are there (value 12.5, limit 95)",
        "Since: 2026-03-10 11:00 UTC",
        "docs/operations.md#alert-completeness",
        f"market-assets alerts ack {sent[0].alert_id[:8]}",
        sent[0].alert_id,
    ):
        assert fact in text


def test_five_messages_of_one_look_are_told_each_and_six_as_one_digest(
    tmp_path: Path, webhook: Webhook
) -> None:
    settings = settings_for(tmp_path, {"ops": webhook.url})
    desk = PaperDesk()
    desk.look([verdict(scope=f"venue{n}") for n in range(5)], at(0))
    five = [m for m in desk.messages if (m.channel, m.outcome) == ("ops", "sending")]
    assert not deliver(five, settings, ops=webhook.url)
    assert len(webhook.received) == 5
    desk.look([verdict("ok", scope="venue0"), verdict(rule="error_rate")], at(1))
    all_seven = [m for m in desk.messages if (m.channel, m.outcome) == ("ops", "sending")]
    assert not deliver([*all_seven, *five], settings, ops=webhook.url)
    [digest] = webhook.received[5:]
    assert (
        digest["title"] == f"{len(all_seven) + 5} alerts: 11 fired, {len(all_seven) - 6} resolved"
    )
    assert digest["message"].count("- Completeness, venue") == 10


def test_a_channel_that_hangs_does_not_hold_up_the_others(
    tmp_path: Path, webhook: Webhook, second_webhook: Webhook
) -> None:
    webhook.hangs.set()
    urls = {"slow": webhook.url, "ops": second_webhook.url}
    settings = settings_for(tmp_path, urls, delivery={"timeout_seconds": 0.3})
    sent = messages(verdict(), *urls)
    done: list[dict[str, str]] = []
    look = threading.Thread(target=lambda: done.append(deliver(sent, settings, **urls)))
    look.start()
    look.join(60)
    # Nothing has released the one that hangs.
    assert done == [{sent[0].message_id: "no answer within 0.3 s"}]
    assert len(second_webhook.received) == 1


def test_a_missing_secret_and_a_wrong_url_are_failures_with_one_clear_message(
    tmp_path: Path,
) -> None:
    urls = {"ops": "", "typo": "slak://Xq7secret/path", "half": "slack://"}
    sent = messages(verdict(), *urls)
    errors = deliver(sent, settings_for(tmp_path, urls), **urls)
    ops, typo, half = (errors[message.message_id] for message in sent)
    assert "Set the environment variable MARKET_ASSETS_SECRET_OPS_URL" in ops
    assert "no such scheme" in typo
    assert "missing after slack://" in half
    assert "Xq7secret" not in str(errors)
