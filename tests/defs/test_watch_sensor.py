"""The sensor `watch` over a real warehouse, a real exchange and a real instance of Dagster."""

from __future__ import annotations

import json
import sqlite3
import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.timestamp import TimestampWithTimezone
from dagster._core.execution.asset_backfill import AssetBackfillData
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from lab_support import Lab, merged
from platform_support import RANGE_END, RANGE_START, raw, values

from market_assets.alerts.acknowledging import acknowledge
from market_assets.defs.alerts import ALERTS, alerts_asset
from market_assets.defs.partitions import hour_key
from market_assets.defs.raw import raw_assets
from market_assets.schemas.timeline import HOUR_MS, Window, floor_to, to_ms
from market_assets.settings.alerts import ALERT_RULES
from market_assets.watch.memory import Memory, write_memory
from market_assets.watch.snapshot import Snapshot, read_snapshot
from sensors.watch import watch_sensor

VENUES: dict[str, Any] = {
    "binance": {"symbols": ["BTCUSDT"]},
    "okx": {"enabled": False},
    "aster": {"enabled": False},
}


@dataclass
class Watched:
    """An installation of one venue that has been looked at since yesterday."""

    lab: Lab
    instance: dg.DagsterInstance
    cursor: str | None = None
    events: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sensor = watch_sensor(self.lab.settings)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)  # as assemble() does
            assets = [*raw_assets(self.lab.settings), alerts_asset(self.lab.settings)]
            self.defs = dg.Definitions(assets=assets, sensors=[self.sensor])

    def look(self) -> Snapshot:
        """One tick; what it told the UI is in `events`."""
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, definitions=self.defs
        )
        told = self.sensor(context)
        self.cursor = context.cursor
        self.events = list(told.asset_events) if isinstance(told, dg.SensorResult) else []
        found = read_snapshot(self.lab.settings.state_dir)
        assert found is not None
        return found

    def had(self, first: int, last: int) -> None:
        """Candles of hours ago first..last, without a run."""
        now = floor_to(to_ms(datetime.now(UTC)), HOUR_MS)
        within = Window(now - first * HOUR_MS, now - (last - 1) * HOUR_MS)
        self.lab.ingest("binance", "BTCUSDT", within)

    def run(self, first: int, last: int) -> dg.ExecuteInProcessResult:
        """One run of candles over hours ago first..last, as the automation launches it."""
        now = floor_to(to_ms(datetime.now(UTC)), HOUR_MS)
        return self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            asset_selection=[raw("binance_ohlcv")],
            tags={
                RANGE_START: hour_key(now - first * HOUR_MS),
                RANGE_END: hour_key(now - last * HOUR_MS),
            },
            raise_on_error=False,
        )

    def failing(self, snapshot: Snapshot) -> dict[str, str]:
        return {
            f"{verdict.rule}/{verdict.scope}": verdict.text
            for verdict in snapshot.verdicts
            if verdict.state == "failing"
        }


@pytest.fixture
def watched(lab: Lab, instance: dg.DagsterInstance) -> Watched:
    lab.exchange.control(clock={"mode": "real"})
    yesterday = datetime.now(UTC) - timedelta(days=1)
    start = {"start": yesterday.date().isoformat()}
    lab = lab.with_settings(venues=merged(VENUES, {"binance": start}))
    write_memory(lab.settings.state_dir, Memory(yesterday))
    return Watched(lab, instance)


def test_freshness_is_shown_when_it_changes_and_alerts_when_they_do(watched: Watched) -> None:
    watched.had(30, 4)
    stale = watched.look()
    assert "freshness/binance ohlcv" in watched.failing(stale)
    checks = {e.asset_key: e for e in watched.events if isinstance(e, dg.AssetCheckEvaluation)}
    [shown] = [e for e in watched.events if isinstance(e, dg.AssetMaterialization)]
    candles = checks[raw("binance_ohlcv")]
    assert (candles.check_name, candles.passed) == ("freshness", False)
    assert "BTCUSDT 1h" in (candles.description or "")
    assert shown.asset_key == ALERTS
    told = values(shown.metadata)
    assert told["open"] == len(stale.alerts) > 0
    assert "Freshness, binance ohlcv" in told["firing"]
    assert "data:image/svg+xml" in told["timeline"]

    log = watched.lab.settings.state_dir / "logs" / "alerts.log"
    assert "Look: http://127.0.0.1:3000/assets/raw/binance_ohlcv" in log.read_text()

    watched.look()
    assert not watched.events, "nothing has changed"

    brought = watched.run(3, 1)
    assert brought.success
    [in_run] = [
        e.event_specific_data
        for e in brought.all_events
        if e.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
        and e.event_specific_data.check_name == "freshness"
    ]
    assert in_run.passed, in_run.description
    assert "freshness/binance ohlcv" not in watched.failing(watched.look())
    checks = {e.asset_key: e for e in watched.events if isinstance(e, dg.AssetCheckEvaluation)}
    assert checks[raw("binance_ohlcv")].passed

    clicked = watched.defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=watched.instance, asset_selection=[ALERTS]
    )
    [event] = clicked.get_asset_materialization_events()
    assert "resolved" in values(event.materialization.metadata)["lately"]


def test_the_page_of_alerts_is_there_from_the_first_look_on_and_then_left_alone(
    watched: Watched,
) -> None:
    silent = {"severities": dict.fromkeys(ALERT_RULES, "off")}
    calm = Watched(watched.lab.with_settings(alerts=silent), watched.instance)
    assert not calm.look().alerts
    [shown] = [e for e in calm.events if isinstance(e, dg.AssetMaterialization)]
    assert shown.asset_key == ALERTS
    assert values(shown.metadata)["open"] == 0

    calm.look()
    assert not calm.events


def test_what_a_person_acknowledges_is_shown_as_acknowledged(watched: Watched) -> None:
    watched.had(30, 4)
    fired = next(alert for alert in watched.look().alerts if alert.rule == "freshness")
    now = datetime.now(UTC)
    acknowledge(watched.lab.lake, fired.id, by="somebody", because="known", now=now)
    watched.look()
    [shown] = [e for e in watched.events if isinstance(e, dg.AssetMaterialization)]
    assert "acknowledged" in values(shown.metadata)["firing"]
    watched.look()
    assert not watched.events


def test_before_anything_was_ever_stored_a_look_ends_well(watched: Watched) -> None:
    empty = watched.lab.settings.state_dir / "nothing" / "warehouse"
    fresh = Watched(watched.lab.with_settings(warehouse={"path": str(empty)}), watched.instance)
    assert fresh.look().problem == ""
    assert [event.asset_key for event in fresh.events] == [ALERTS]


def test_a_failed_run_is_told_with_its_error_until_its_work_succeeds(watched: Watched) -> None:
    watched.had(30, 3)
    watched.lab.exchange.control(faults={"lost_rate": 1.0})
    assert not watched.run(3, 1).success

    text = watched.failing(watched.look())["run_failed/binance"]
    assert "1 intervals are missing: 1h BTCUSDT" in text

    watched.lab.exchange.control(faults={"lost_rate": 0.0})
    assert watched.run(2, 1).success
    assert "run_failed/binance" not in watched.failing(watched.look())


def test_a_backfill_that_failed_is_told_until_its_hours_are_there(watched: Watched) -> None:
    watched.had(30, 3)
    now = datetime.now(UTC).timestamp()
    hours = watched.defs.resolve_asset_graph().get(raw("binance_ohlcv")).partitions_def
    assert hours is not None
    left = AssetGraphSubset(
        partitions_subsets_by_asset_key={
            raw("binance_ohlcv"): hours.empty_subset().with_partition_keys(
                [hour_key(floor_to(int(now * 1000), HOUR_MS) - ago * HOUR_MS) for ago in (2, 1)]
            )
        }
    )
    nothing = AssetGraphSubset()
    failed = PartitionBackfill(
        "abcdefgh",
        BulkActionStatus.COMPLETED_FAILED,
        from_failure=False,
        tags={},
        backfill_timestamp=now - 600,
        backfill_end_timestamp=now - 60,
        asset_selection=[raw("binance_ohlcv")],
        asset_backfill_data=AssetBackfillData(
            left, True, None, nothing, left, left, TimestampWithTimezone(now - 600, "UTC")
        ),
    )
    watched.instance.add_backfill(failed)
    told = watched.failing(watched.look())
    assert told["backfill_failed/raw/binance_ohlcv"].startswith("2 partitions failed")

    assert watched.run(2, 2).success
    assert "backfill_failed/raw/binance_ohlcv" in watched.failing(watched.look())
    assert watched.run(1, 1).success
    assert "backfill_failed/raw/binance_ohlcv" not in watched.failing(watched.look())


def test_a_part_that_cannot_be_seen_is_told_and_the_rest_goes_on(
    watched: Watched, tmp_path: Path
) -> None:
    watched.had(30, 4)
    [runs] = list(tmp_path.glob("**/runs.db"))
    with sqlite3.connect(runs) as db:
        db.execute("alter table bulk_actions rename to away")

    snapshot = watched.look()

    failing = watched.failing(snapshot)
    assert "no such table: bulk_actions" in failing["watch_failed/seeing"]
    assert "freshness/binance ohlcv" in failing
    assert {alert.rule for alert in snapshot.alerts} >= {"watch_failed", "freshness"}
    unknown = {v.rule for v in snapshot.verdicts if v.state == "unknown"}
    assert "backfill_failed" in unknown

    with sqlite3.connect(runs) as db:
        db.execute("alter table away rename to bulk_actions")
    assert "watch_failed" not in {alert.rule for alert in watched.look().alerts}


def test_a_hole_between_two_looks_is_told_once(watched: Watched) -> None:
    watched.look()
    file = watched.lab.settings.state_dir / "watch.json"
    left = json.loads(file.read_text())
    left["looked_at"] = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    file.write_text(json.dumps(left))

    assert "platform_was_down/looks" in watched.failing(watched.look())
    assert "platform_was_down/looks" not in watched.failing(watched.look())


def test_an_installation_that_has_stored_nothing_yet_is_not_a_failed_watch(
    lab: Lab, instance: dg.DagsterInstance
) -> None:
    lab = lab.with_settings(warehouse={"path": "not-there-yet"}, venues=VENUES)
    snapshot = Watched(lab, instance).look()
    assert not snapshot.alerts
    [unseen] = [v for v in snapshot.verdicts if v.rule == "watch_failed" and v.scope == "seeing"]
    assert unseen.state == "unknown"
    assert "nothing is ingested yet" in unseen.text


def test_the_sensor_is_off_where_the_watch_is_turned_off(lab: Lab) -> None:
    on = watch_sensor(lab.settings)
    off = watch_sensor(lab.with_settings(alerts={"enabled": False}).settings)
    assert (on.default_status, off.default_status) == (
        dg.DefaultSensorStatus.RUNNING,
        dg.DefaultSensorStatus.STOPPED,
    )
    assert on.minimum_interval_seconds == 60
