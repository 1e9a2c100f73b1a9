"""The desk end to end: a real store, a real web hook, restarts in between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from alert_support import Webhook, at, kinds, logged, settings_for, verdict

from market_assets.alerts.acknowledging import acknowledge
from market_assets.alerts.desk import Desk
from market_assets.errors import RequestInvalid
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


def test_a_restart_sends_nothing_again(desk: OpenDesk, webhook: Webhook) -> None:
    desk({"ops": webhook.url}).tell(BAD, at(0))
    restarted = desk({"ops": webhook.url})
    assert restarted.tell(BAD, at(1)).sent == 0
    assert restarted.tell(GOOD, at(2)).sent == 2
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
    with DuckLakeWarehouse(folder / "warehouse") as other:
        acknowledge(other, alert.alert_id, by="ada", because="known", now=at(10))
    told = ops.tell(BAD, at(40))
    assert (told.open[0].state, told.sent) == ("acknowledged", 0)
    assert len(webhook.received) == 1


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


def test_a_first_look_before_anything_is_stored_works(tmp_path: Path) -> None:
    with Desk(settings_for(tmp_path, {}), Secrets({})) as ops:
        assert ops.tell(GOOD, at(0)).sent == 0
        assert not (tmp_path / "warehouse").exists()
        assert ops.tell(BAD, at(1)).sent == 1
    assert kinds(logged(tmp_path)) == ["fired"]


def test_a_store_of_an_older_version_is_read_as_one_without_alerts(folder: Path) -> None:
    with DuckLakeWarehouse(folder / "warehouse") as store:
        store._session.write(
            "Testing", lambda connection: connection.execute("DROP TABLE lake.ops.alerts")
        )
    with DuckLakeWarehouse(folder / "warehouse", read_only=True) as old:
        assert old.alerts() == []
        assert old.alert_book().alerts == {}
        with pytest.raises(RequestInvalid, match="no alert has an id"):
            old.alert_named("abcdef")
    with Desk(settings_for(folder, {}), Secrets({})) as ops:
        assert ops.tell(BAD, at(0)).sent == 1
