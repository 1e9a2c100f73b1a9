"""The desk end to end: a real store, a real web hook, restarts in between."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from alert_support import Webhook, at, kinds, logged, settings_for, verdict

from market_assets.alerts.desk import Desk
from market_assets.settings import Secrets
from market_assets.warehouse.ducklake import DuckLakeWarehouse
from market_assets.warehouse.layout import Layout

OpenDesk = Callable[..., Desk]
BAD, GOOD = [verdict()], [verdict("ok")]


def test_a_trouble_is_told_once_and_its_end_once(
    desk: OpenDesk, webhook: Webhook, folder: Path
) -> None:
    ops = desk({"ops": webhook.url})
    fired = ops.tell(BAD, at(0))
    assert [alert.key for alert in fired.open] == ["completeness/binance"]
    assert fired.sent == 2
    for minute in range(1, 4):
        assert ops.tell(BAD, at(minute)).sent == 0
    ended = ops.tell(GOOD, at(5))
    assert (ended.open, ended.sent) == ((), 2)
    assert ops.tell(GOOD, at(6)).sent == 0
    title = "Completeness, binance BTCUSDT 1h: BTCUSDT 1h is failing"
    assert webhook.titles == [title, f"Resolved: {title}"]
    assert [message["type"] for message in webhook.received] == ["failure", "success"]
    assert kinds(logged(folder)) == ["fired", "resolved"]


def test_a_message_says_what_is_wrong_since_when_and_what_to_do(
    desk: OpenDesk, webhook: Webhook
) -> None:
    bad = verdict(value=12.5, limit=95, since=at(-60), text="12.5 % of the candles are there")
    alert = desk({"ops": webhook.url}).tell([bad], at(0)).open[0]
    said = webhook.received[0]["message"]
    for fact in (
        "warning",
        "BTCUSDT 1h: 12.5 % of the candles are there (value 12.5, limit 95)",
        "Since: 2026-03-10 11:00 UTC",
        "docs/operations.md#alert-completeness",
        f"market-assets alerts ack {alert.alert_id[:8]}",
        alert.alert_id,
    ):
        assert fact in said


def test_a_restart_sends_nothing_again(desk: OpenDesk, webhook: Webhook) -> None:
    desk({"ops": webhook.url}).tell(BAD, at(0))
    for minute in (1, 2):
        assert desk({"ops": webhook.url}).tell(BAD, at(minute)).sent == 0
    desk({"ops": webhook.url}).tell(GOOD, at(3))
    assert len(webhook.received) == 2


def test_a_look_that_changes_nothing_writes_nothing(
    desk: OpenDesk, webhook: Webhook, folder: Path
) -> None:
    ops = desk({"ops": webhook.url})
    ops.tell(BAD, at(0))
    ops.tell(BAD, at(1))
    layout = Layout(folder / "warehouse")
    before = layout.written_at, sorted(folder.rglob("*.parquet"))
    assert not ops.tell([verdict(text="older by a minute")], at(2)).is_changed
    assert (layout.written_at, sorted(folder.rglob("*.parquet"))) == before


def test_the_desk_sees_what_another_process_acknowledged(
    desk: OpenDesk, webhook: Webhook, folder: Path
) -> None:
    ops = desk({"ops": webhook.url}, repeat_minutes=30)
    [alert] = ops.tell(BAD, at(0)).open
    from market_assets.alerts.acknowledging import acknowledge

    with DuckLakeWarehouse(folder / "warehouse") as other:
        acknowledge(other, alert.alert_id, by="ada", because="known", now=at(10))
    told = ops.tell(BAD, at(40))
    assert (told.open[0].state, told.sent) == ("acknowledged", 0)
    assert len(webhook.received) == 1


def test_many_messages_of_one_look_are_one_digest(desk: OpenDesk, webhook: Webhook) -> None:
    ops = desk({"ops": webhook.url})
    ops.tell([verdict(scope=f"venue{n}") for n in range(5)], at(0))
    assert len(webhook.received) == 5
    ops.tell([verdict(rule="error_rate", scope=f"venue{n}") for n in range(6)], at(1))
    [digest] = webhook.received[5:]
    assert digest["title"] == "11 alerts: 6 fired, 5 resolved"
    assert digest["message"].count("- Error rate, venue") == 6
    told = ops.tell([verdict(rule="error_rate", scope=f"venue{n}") for n in range(6)], at(2))
    assert told.sent == 0


def test_a_channel_that_refuses_is_tried_again_with_doubling_pauses_then_given_up(
    desk: OpenDesk, webhook: Webhook
) -> None:
    webhook.status = 500
    delivery = {"attempts": 3, "first_pause_seconds": 60}
    routes = {"warning": ["log", "ops"]}
    ops = desk({"ops": webhook.url}, delivery=delivery, routes=routes)
    for minute in (0, 0.5, 1, 2, 3, 4, 60):
        ops.tell(BAD, at(minute))
    tries = [message["title"] for message in webhook.received if "Completeness" in message["title"]]
    assert len(tries) == 3
    webhook.status = 200
    ops.tell(GOOD, at(61))
    # Who never heard of the beginning is not told of the end.
    assert not any("Resolved: Completeness" in title for title in webhook.titles)


def test_what_arrives_at_the_second_attempt_is_heard(desk: OpenDesk, webhook: Webhook) -> None:
    webhook.status = 503
    desk({"ops": webhook.url}).tell(BAD, at(0))
    webhook.status = 200
    restarted = desk({"ops": webhook.url})
    assert restarted.tell(BAD, at(0.5)).sent == 0
    assert restarted.tell(BAD, at(1)).sent == 1
    restarted.tell(GOOD, at(2))
    assert len(webhook.received) == 3


def test_a_failing_channel_is_told_to_the_others_and_so_is_its_recovery(
    desk: OpenDesk, webhook: Webhook, second_webhook: Webhook, folder: Path
) -> None:
    webhook.status = 500
    ops = desk({"ops": webhook.url, "mail": second_webhook.url})
    ops.tell(BAD, at(0))
    assert len(ops.tell(BAD, at(1)).failing) == 1
    told = ops.tell(BAD, at(2))
    assert "delivery_failed/ops" in [alert.key for alert in told.open]
    assert [title for title in second_webhook.titles if title.startswith("Delivery failed, ops")]
    assert not [title for title in webhook.titles if title.startswith("Delivery failed")]
    webhook.status = 200
    ops.tell(BAD, at(5))
    told = ops.tell(BAD, at(6))
    assert told.failing == ()
    assert second_webhook.titles[-1].startswith("Resolved: Delivery failed, ops")
    assert logged(folder)[-1]["title"] == second_webhook.titles[-1]


def test_a_channel_that_hangs_does_not_hold_up_the_others(
    desk: OpenDesk, webhook: Webhook, second_webhook: Webhook
) -> None:
    webhook.hangs.set()
    delivery = {"timeout_seconds": 0.3, "first_pause_seconds": 3600}
    ops = desk({"slow": webhook.url, "ops": second_webhook.url}, delivery=delivery)
    done: list[int] = []
    look = threading.Thread(target=lambda: done.append(ops.tell(BAD, at(0)).sent))
    look.start()
    look.join(60)
    assert done == [2]  # log and ops; nothing released the other
    assert len(second_webhook.received) == 1
    [failing] = ops.tell(BAD, at(1)).failing
    assert failing.channel == "slow"


def test_a_missing_secret_and_a_wrong_url_are_failures_with_one_clear_message(
    folder: Path,
) -> None:
    settings = settings_for(folder, {"ops": "", "typo": "", "half": ""})
    urls = {"typo_url": "slak://Xq7secret/path", "half_url": "slack://"}
    with Desk(settings, Secrets(urls)) as ops:
        told = ops.tell(BAD, at(0))
    assert told.sent == 1  # the log
    said = {channel.channel: channel.error for channel in told.failing}
    assert "MARKET_ASSETS_SECRET_OPS_URL" in said["ops"]
    assert "no such scheme" in said["typo"]
    assert "missing after slack://" in said["half"]
    assert "Xq7secret" not in str(said)


def test_a_first_look_before_anything_is_stored_works(tmp_path: Path) -> None:
    with Desk(settings_for(tmp_path, {}), Secrets({})) as ops:
        assert ops.tell(GOOD, at(0)).sent == 0
        assert not (tmp_path / "warehouse").exists()
        assert ops.tell(BAD, at(1)).sent == 1
    assert kinds(logged(tmp_path)) == ["fired"]
