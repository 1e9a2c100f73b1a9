"""What materialises by itself: closed hours that are missing, in few runs, and late corrections."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
from lab_support import window
from platform_support import (
    RANGE_END,
    RANGE_START,
    SYMBOLS,
    Platform,
    materialisations,
    raw,
    values,
)

from market_assets.defs.partitions import hour_key
from market_assets.schemas.timeline import HOUR_MS, Window, to_ms, windows_of

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def key(hours_ago: int) -> str:
    """The partition that ended so many hours before noon: 1 is the newest that has closed."""
    return hour_key(to_ms(NOON - hours_ago * HOUR))


class Daemon:
    """Evaluates the conditions tick by tick, as the automation sensor does."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.cursor: object = None

    def tick(self, minute: float, hour: int = 0) -> dict[str, set[str]]:
        """Partitions asked for, by asset, at noon plus hours and minutes."""
        result = dg.evaluate_automation_conditions(
            defs=self.platform.defs,
            asset_selection=dg.AssetSelection.key_prefixes("raw"),
            instance=self.platform.instance,
            evaluation_time=NOON + timedelta(hours=hour, minutes=minute),
            cursor=self.cursor,  # type: ignore[arg-type]
        )
        self.cursor = result.cursor
        asked = {
            asset.path[-1]: result.get_requested_partitions(asset)
            for asset in self.platform.defs.resolve_asset_graph().get_all_asset_keys()
        }
        return {name: partitions for name, partitions in asked.items() if partitions}


def materialise_all_but(platform: Platform, name: str, missing: set[int], since: int = 60) -> None:
    for ago in range(1, since + 1):
        if ago not in missing:
            event = dg.AssetMaterialization(raw(name), partition=key(ago))
            platform.instance.report_runless_asset_event(event)


def test_missed_hours_and_an_older_hole_are_asked_for_once_and_caught_up_in_few_runs(
    platform: Platform,
) -> None:
    missing = {1, 2, 3, 40}
    materialise_all_but(platform, "binance_ohlcv", missing)
    materialise_all_but(platform, "binance_funding_rates", set())
    daemon = Daemon(platform)
    assert daemon.tick(3.5) == {}, "the venue's minute has not come"
    wanted = {key(ago) for ago in missing}
    asked = daemon.tick(4.5)
    assert asked["binance_ohlcv"] == wanted
    assert "binance_funding_rates" not in asked
    assert not any(name.startswith("okx") for name in asked), "each venue has its own minute"
    assert "binance_ohlcv" not in daemon.tick(5), "once a tick of the cron"

    hours = sorted(to_ms(NOON) - ago * HOUR_MS for ago in missing)
    ranges = windows_of(hours, HOUR_MS)
    assert len(ranges) == 2
    for part in ranges:  # what a backfill of the policy makes of it: a run for each range
        run = platform.run("binance_ohlcv", hour_key(part.start), hour_key(part.end - HOUR_MS))
        assert run.success
    truth = [
        row for part in ranges for row in platform.lab.true_candles("binance", "BTCUSDT", part)
    ]
    whole = Window(hours[0], hours[-1] + HOUR_MS)
    assert platform.lab.candles("binance", "BTCUSDT", whole) == truth
    assert daemon.tick(4.5, hour=1)["binance_ohlcv"] == {key(0)}, "then the new hour only"


def test_what_stays_missing_is_asked_for_at_each_hour_until_the_look_back_ends(
    platform: Platform,
) -> None:
    materialise_all_but(platform, "okx_ohlcv", {47})
    daemon = Daemon(platform)
    daemon.tick(1)
    assert daemon.tick(7)["okx_ohlcv"] == {key(47)}
    assert "okx_ohlcv" not in daemon.tick(30), "a failed hour waits for the next one"
    assert daemon.tick(7, hour=1)["okx_ohlcv"] == {key(47), key(0)}
    assert key(47) not in daemon.tick(7, hour=3)["okx_ohlcv"], "two days have gone by"


def test_instruments_are_asked_for_today_only(platform: Platform) -> None:
    daemon = Daemon(platform)
    daemon.tick(7)
    assert daemon.tick(9)["aster_instruments"] == {"2026-03-10"}


def test_reconcile_finds_a_late_correction_and_keeps_both_values(platform: Platform) -> None:
    lab = platform.lab
    assert platform.run(["okx_ohlcv", "okx_funding_rates"], key(60), key(1)).success
    corrected = window("2026-03-09T18:00", "2026-03-09T19:00")
    [before] = lab.candles("okx", "BTCUSDT", corrected)
    lab.exchange.control(
        clock={"mode": "frozen", "now": "2026-03-10T12:50:00Z"},
        corrections=[{
            "venue": "okx", "symbol": "BTCUSDT", "hour": "2026-03-09T18:00:00Z",
            "at": "2026-03-10T12:40:00Z", "factor": 1.02,
        }],
    )  # fmt: skip
    again = platform.run("okx_ohlcv", key(60), key(1))
    assert again.success
    assert lab.candles("okx", "BTCUSDT", corrected) == [before], "complete hours are not asked for"

    schedule = platform.defs.resolve_schedule_def("reconcile_okx_daily")
    with dg.build_schedule_context(
        instance=platform.instance, scheduled_execution_time=NOON + timedelta(minutes=50)
    ) as context:
        [request] = schedule.evaluate_tick(context).run_requests or ()
    assert request.tags[RANGE_START] == key(48)
    assert request.tags[RANGE_END] == key(1)
    result = platform.job("reconcile_okx", tags=request.tags)
    assert result.success
    lab.assert_truth("okx", SYMBOLS, Window(to_ms(NOON - 60 * HOUR), to_ms(NOON)))
    [after] = lab.candles("okx", "BTCUSDT", corrected)
    assert after["close"] != before["close"]
    told = [values(e.metadata) for e in materialisations(result) if e.asset_key == raw("okx_ohlcv")]
    assert told[0]["rows_corrected"] == 1
    assert told[0]["rows_unchanged"] == 48 * len(SYMBOLS) - 1
    [revision] = lab.lake.ask("select * from ops.revisions").to_pylist()
    assert str(before["close"]) in str(revision)


def test_reconcile_does_nothing_before_there_is_something_to_read(platform: Platform) -> None:
    schedule = platform.defs.resolve_schedule_def("reconcile_aster_daily")
    with dg.build_schedule_context(
        instance=platform.instance, scheduled_execution_time=datetime(2026, 1, 31, 2, tzinfo=UTC)
    ) as context:
        assert not schedule.evaluate_tick(context).run_requests
