"""Nothing is lost and nothing told twice: killed processes, busy and broken stores, restarts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from alert_support import Webhook, at, kinds, logged, settings_for, verdict
from paper_desk import PaperDesk

from market_assets.alerts.desk import Desk
from market_assets.settings import Secrets
from market_assets.warehouse.ducklake import DuckLakeWarehouse

OpenDesk = Callable[..., Desk]
BAD, GOOD = [verdict()], [verdict("ok")]


def test_a_process_killed_while_it_sends_does_not_send_again_after_its_restart(
    desk: OpenDesk, webhook: Webhook, folder: Path
) -> None:
    webhook.hangs.set()
    worker = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("sending_worker.py")), folder, webhook.url]
    )
    assert webhook.asked.wait(60)
    worker.kill()
    worker.wait()
    webhook.hangs.clear()
    ops = desk({"ops": webhook.url})
    assert ops.tell(BAD, at(1)).sent == 0
    assert ops.tell(BAD, at(10)).sent == 0
    with DuckLakeWarehouse(folder / "warehouse", read_only=True) as store:
        outcomes = {m.channel: m.outcome for m in store.alert_book().deliveries}
    assert outcomes["ops"] == "unknown"
    assert ops.tell(GOOD, at(11)).sent == 2
    assert [title.split(":")[0] for title in webhook.titles] == ["Resolved"]


def test_a_busy_store_delays_channels_not_the_log_and_nothing_is_told_twice(
    folder: Path, webhook: Webhook
) -> None:
    settings = settings_for(folder, {"ops": webhook.url})
    quick = settings.warehouse.model_copy(update={"lock_timeout_seconds": 0.1})
    settings = settings.model_copy(update={"warehouse": quick})
    with Desk(settings, Secrets({"ops_url": webhook.url})) as ops:
        ops.tell(GOOD, at(0))
        with DuckLakeWarehouse(folder / "warehouse") as other, other.writing_alone("Testing"):
            for minute in (1, 2):
                told = ops.tell(BAD, at(minute))
                assert "gave up after 0.1 s" in told.unrecorded
        assert kinds(logged(folder)) == ["fired"]
        assert webhook.received == []
        told = ops.tell(BAD, at(3))
        assert told.unrecorded == ""
        assert kinds(logged(folder)) == ["fired"]
        assert len(webhook.received) == 1
        assert ops.tell(BAD, at(4)).sent == 0
        ops.tell(GOOD, at(5))
    assert kinds(logged(folder)) == ["fired", "resolved"]


def test_outcomes_that_could_not_be_stored_are_stored_with_the_next_look(
    folder: Path, webhook: Webhook
) -> None:
    """The store is taken between the two records of a look: while the message is on its way."""
    settings = settings_for(folder, {"ops": webhook.url}, delivery={"timeout_seconds": 60})
    quick = settings.warehouse.model_copy(update={"lock_timeout_seconds": 0.1})
    settings = settings.model_copy(update={"warehouse": quick})
    with (
        DuckLakeWarehouse(folder / "warehouse") as other,
        Desk(settings, Secrets({"ops_url": webhook.url})) as ops,
    ):
        taken = other.writing_alone("Testing")
        webhook.before_answer = taken.__enter__
        told = ops.tell(BAD, at(0))
        webhook.before_answer = None
        assert (told.sent, "gave up" in told.unrecorded) == (2, True)
        taken.__exit__(None, None, None)
        assert ops.tell(BAD, at(1)).sent == 0
        assert {m.outcome for m in other.alert_book().deliveries} == {"sent"}
    assert len(webhook.received) == 1


def test_with_a_store_that_cannot_be_used_what_is_critical_is_sent_all_the_same(
    folder: Path, webhook: Webhook
) -> None:
    catalog = folder / "warehouse/catalog.sqlite"
    whole = catalog.read_bytes()
    catalog.write_bytes(b"not a catalog" * 1000)
    settings = settings_for(folder, {"ops": webhook.url})
    look = [verdict(rule="disk_left", scope="", member=""), verdict()]
    with Desk(settings, Secrets({"ops_url": webhook.url})) as ops:
        for minute in range(3):
            told = ops.tell(look, at(minute))
            assert told.unrecorded
        assert [title.split(":")[0] for title in webhook.titles] == ["Disk left"]
        assert kinds(logged(folder)) == ["fired", "fired"]
        catalog.write_bytes(whole)
        assert ops.tell(look, at(4)).unrecorded == ""
        assert ops.tell(look, at(5)).sent == 0
    # The warning went out as soon as it could be recorded, the critical one not again.
    assert len(webhook.received) == 2
    assert kinds(logged(folder)) == ["fired", "fired"]


def test_a_desk_that_restarts_before_every_look_does_what_one_on_paper_does(folder: Path) -> None:
    """Pending, fired, reminded, ended, reopened without a word, told after all."""
    settings = {"cooldown_minutes": 30, "repeat_minutes": 10, "for_minutes": 5}
    paper = PaperDesk((), **settings)
    looks = ((0, BAD), (10, BAD), (20, BAD), (30, GOOD), (40, BAD), (70, BAD))
    for minute, look in looks:
        with Desk(settings_for(folder, {}, **settings), Secrets({})) as ops:
            ops.tell(look, at(minute))
        paper.look(look, at(minute))
    with DuckLakeWarehouse(folder / "warehouse", read_only=True) as store:
        book = store.alert_book()
        changes, messages = store.alert_history(paper.only.alert_id)
    assert book.alerts == paper.alerts
    assert changes == paper.rows
    assert messages == sorted(paper.deliveries, key=lambda message: message.alert_sequence)
    assert kinds(logged(folder)) == ["fired", "reminder", "resolved", "reminder"]
