"""Raw assets: what a run stores, what Dagster shows then, and what happens to what is missing."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest
from lab_support import ms, window
from platform_support import SYMBOLS, Platform, failure, materialisations, raw, values, why

from market_assets.schemas.timeline import HOUR_MS, to_ms

NUMBERS = {
    "rows_inserted", "rows_corrected", "rows_unchanged", "rows_quarantined", "requests", "weight",
    "latency_ms_p50", "latency_ms_p95", "latency_ms_p99", "error_rate_percent", "gaps_no_trade",
    "gaps_venue_outage", "gaps_not_listed", "gaps_missing", "completeness_percent",
    "ingest_seconds", "dagster/row_count", "dagster/partition_row_count",
}  # fmt: skip


def hours(first: str, last: str) -> list[str]:
    """Partition keys first..last, both included."""
    start, end = (to_ms(datetime.strptime(key, "%Y-%m-%d-%H:%M")) for key in (first, last))
    moments = (datetime.fromtimestamp(at / 1000, UTC) for at in range(start, end + 1, HOUR_MS))
    return [moment.strftime("%Y-%m-%d-%H:%M") for moment in moments]


def test_one_hour_is_stored_and_materialised_with_numbers_and_pictures(platform: Platform) -> None:
    result = platform.run(["okx_ohlcv", "okx_funding_rates"], "2026-03-05-08:00")
    assert result.success
    platform.lab.assert_truth("okx", SYMBOLS, window("2026-03-05T08:00", "2026-03-05T09:00"))
    platform.lab.assert_funding_truth(
        "okx", SYMBOLS, window("2026-03-05T08:00", "2026-03-05T09:00")
    )
    assert platform.materialised("okx_ohlcv") == ["2026-03-05-08:00"]
    for event in materialisations(result):
        assert set(event.metadata) >= NUMBERS | {"window_start", "window_end", "chart", "coverage"}
        for name in NUMBERS:
            assert isinstance(event.metadata[name], dg.IntMetadataValue | dg.FloatMetadataValue)
        told = values(event.metadata)
        assert told["dagster/row_count"] == told["rows_inserted"] == len(SYMBOLS)
        assert told["completeness_percent"] == 100.0
        assert told["requests"] > 0
        assert told["latency_ms_p99"] >= told["latency_ms_p50"] > 0
        assert told["window_start"] == "2026-03-05 08:00 UTC"
        assert told["coverage"].startswith("![coverage](data:image/svg+xml;base64,")
        assert len(told["coverage"]) < 40_000
        assert len(told["chart"]) < 40_000


def test_three_days_in_one_run_are_the_truth_and_asked_in_whole_pages(platform: Platform) -> None:
    result = platform.run("binance_ohlcv", "2026-03-01-00:00", "2026-03-03-23:00")
    assert result.success
    platform.lab.assert_truth("binance", SYMBOLS, window("2026-03-01", "2026-03-04"))
    assert platform.materialised("binance_ohlcv") == hours("2026-03-01-00:00", "2026-03-03-23:00")
    # A page holds 499 candles: 72 hours of a symbol are one request.
    assert platform.lab.exchange.stats()["binance"]["by_path"]["/fapi/v1/klines"] == len(SYMBOLS)
    events = {event.partition: values(event.metadata) for event in materialisations(result)}
    assert len(events) == 72
    assert all(told["dagster/partition_row_count"] == len(SYMBOLS) for told in events.values())
    assert [key for key, told in events.items() if "chart" in told] == ["2026-03-03-23:00"]


def test_longer_candles_belong_to_the_hour_they_close_in(platform: Platform) -> None:
    platform.lab = platform.lab.with_settings(venues={"aster": {"intervals": ["1h", "4h"]}})
    result = platform.run("aster_ohlcv", "2026-03-02-01:00", "2026-03-02-08:00")
    assert result.success
    stored = platform.lab.candles("aster", "BTCUSDT", window("2026-03-01", "2026-03-04"), "4h")
    truth = platform.lab.true_candles(
        "aster", "BTCUSDT", window("2026-03-02", "2026-03-02T08:00"), "4h"
    )
    assert stored == truth
    rows = {e.partition: values(e.metadata) for e in materialisations(result)}
    counts = [told["dagster/partition_row_count"] for told in rows.values()]
    assert counts == [2, 2, 4, 2, 2, 2, 4, 2]


def test_hours_before_a_listing_are_materialised_as_empty_with_the_reason(
    platform: Platform,
) -> None:
    platform.lab = platform.lab.with_settings(venues={"binance": {"symbols": ["NEWUSDT"]}})
    result = platform.run(
        ["binance_ohlcv", "binance_funding_rates"], "2026-02-09-00:00", "2026-02-10-23:00"
    )
    assert result.success
    platform.lab.assert_truth("binance", "NEWUSDT", window("2026-02-09", "2026-02-11"))
    assert len(platform.materialised("binance_ohlcv")) == 48
    first = next(e for e in materialisations(result) if e.asset_key == raw("binance_ohlcv"))
    assert values(first.metadata)["gaps_not_listed"] == 37
    assert values(first.metadata)["dagster/partition_row_count"] == 0


def test_an_incomplete_run_fails_naming_what_is_missing_and_keeps_the_complete_hours(
    platform: Platform,
) -> None:
    lab = platform.lab
    lab.exchange.control(faults={"lost_rate": 0.1})
    day = window("2026-03-04", "2026-03-05")
    lost = {
        (symbol, at)
        for symbol in SYMBOLS
        for at, reason in lab.true_absences("binance", symbol, day).items()
        if reason == "missing"
    }
    assert 0 < len(lost) < 15, "the seed gives some lost hours"
    result = platform.run("binance_ohlcv", "2026-03-04-00:00", "2026-03-04-23:00")
    assert not result.success
    said = why(result)
    for symbol, at in lost:
        assert f"{symbol} {datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M}" in said or any(
            (symbol, before) in lost for before in (at - HOUR_MS,)
        )
    assert "only what is missing is asked for again" in said
    lost_hours = {f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d-%H:%M}" for _, at in lost}
    wanted = [key for key in hours("2026-03-04-00:00", "2026-03-04-23:00") if key not in lost_hours]
    assert platform.materialised("binance_ohlcv") == wanted
    told = failure(result).step_failure_data.user_failure_data
    assert told is not None
    assert values(told.metadata)["gaps_missing"] == len(lost)
    assert "coverage" in told.metadata

    # The venue finds its candles again: the same range asks for these only.
    lab.exchange.control(faults=None, reset_stats=True)
    result = platform.run("binance_ohlcv", "2026-03-04-00:00", "2026-03-04-23:00")
    assert result.success
    lab.assert_truth("binance", SYMBOLS, day)
    told = values(materialisations(result)[0].metadata)
    assert told["rows_inserted"] == len(lost)
    assert told["points_complete_before"] == 24 * len(SYMBOLS) - len(lost)
    assert len(platform.materialised("binance_ohlcv")) == 24


def test_a_complete_range_is_not_asked_for_again(platform: Platform) -> None:
    assert platform.run("aster_ohlcv", "2026-03-04-00:00", "2026-03-04-23:00").success
    platform.lab.exchange.control(reset_stats=True)
    result = platform.run("aster_ohlcv", "2026-03-04-00:00", "2026-03-04-23:00")
    assert result.success
    assert "/fapi/v3/klines" not in platform.lab.exchange.stats()["aster"]["by_path"]
    assert values(materialisations(result)[0].metadata)["rows_inserted"] == 0


def test_hours_that_have_not_closed_at_the_venue_are_not_materialised(platform: Platform) -> None:
    result = platform.run("okx_ohlcv", "2026-03-10-09:00", "2026-03-10-13:00")
    assert not result.success
    assert "Not closed yet by the venue's clock: 2026-03-10 12:00 .. 2026-03-10 14:00" in why(
        result
    )
    assert platform.materialised("okx_ohlcv") == hours("2026-03-10-09:00", "2026-03-10-11:00")


def test_a_venue_that_is_down_fails_its_own_assets_and_is_worth_a_retry(
    platform: Platform,
) -> None:
    platform.lab = platform.lab.with_settings(
        http={"attempts": 2, "breaker_failures": 3, "breaker_first_pause_seconds": 0.2}
    )
    platform.lab.exchange.control(faults={"http_503": 1.0, "fault_venues": ["binance"]})
    result = platform.run(["binance_ohlcv", "okx_ohlcv"], "2026-03-04-00:00", "2026-03-04-05:00")
    assert not result.success
    assert platform.materialised("binance_ohlcv") == []
    assert len(platform.materialised("okx_ohlcv")) == 6
    assert "dagster/max_retries" not in platform.instance.get_run_by_id(result.run_id).tags


def test_an_unknown_symbol_fails_with_the_name_to_use_and_without_retries(
    platform: Platform,
) -> None:
    platform.lab = platform.lab.with_settings(venues={"okx": {"symbols": ["BTCCUSDT"]}})
    result = platform.run("okx_ohlcv", "2026-03-04-00:00")
    assert "Did you mean BTCUSDT" in why(result)
    assert platform.instance.get_run_by_id(result.run_id).tags["dagster/max_retries"] == "0"


@pytest.mark.parametrize("partition", ["2026-02-20", "2026-03-10"])
def test_instruments_are_a_snapshot_of_now_that_says_so(platform: Platform, partition: str) -> None:
    result = platform.run("binance_instruments", partition)
    assert result.success
    [event] = materialisations(result)
    assert event.partition == partition
    told = values(event.metadata)
    assert "Venues tell only what they list now" in told["note"]
    assert told["rows_inserted"] > len(SYMBOLS)


def test_a_run_stores_under_the_id_that_dagster_gave_it(platform: Platform) -> None:
    result = platform.run("okx_ohlcv", "2026-03-04-00:00")
    found = platform.lab.lake.ask("select distinct run_id from raw.okx_ohlcv").to_pylist()
    assert found == [{"run_id": result.run_id}]
    assert ms("2026-03-04") == to_ms(datetime(2026, 3, 4, tzinfo=UTC))
