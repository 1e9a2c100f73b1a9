"""The checks of raw assets: what a run says about its hours, and what waits for them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from lab_support import window
from platform_support import (
    RANGE_END,
    RANGE_START,
    Platform,
    check_results,
    failing,
    raw,
    values,
    why,
)

from market_assets.quality.raw_checks import check_names
from market_assets.schemas.datasets import FUNDING_RATES, INSTRUMENTS, OHLCV
from market_assets.warehouse.connection import connect
from market_assets.warehouse.layout import Layout
from sensors.marts import Found, look

DAY = ("2026-03-04-00:00", "2026-03-04-23:00")


def spoil(platform: Platform, statement: str) -> None:
    """Write to the store behind the platform's back."""
    connection = connect(Layout(platform.lab.lake.path))
    connection.execute(statement)
    connection.close()


def run_checks_alone(platform: Platform, table: str, first: str, last: str) -> Any:
    keys = [
        key
        for key in platform.defs.resolve_asset_graph().asset_check_keys
        if key.asset_key == raw(table) and key.name != "expectations"
    ]
    return dg.materialize(
        list(platform.defs.assets or ()),  # type: ignore[arg-type]  # all of them are definitions
        selection=dg.AssetSelection.checks(*keys),
        instance=platform.instance,
        tags={RANGE_START: first, RANGE_END: last} if first else None,
        raise_on_error=False,
    )


def test_a_clean_day_passes_every_check_and_leaves_its_verdicts(platform: Platform) -> None:
    assets = ["binance_ohlcv", "binance_funding_rates"]
    assert platform.run("binance_instruments", "2026-03-10").success
    result = platform.run(assets, *DAY)

    assert result.success
    settings = platform.lab.settings
    names = {f"binance_ohlcv {name}" for name in check_names(OHLCV, settings)}
    names |= {f"binance_funding_rates {name}" for name in check_names(FUNDING_RATES, settings)}
    said = check_results(result)
    assert set(said) == names | {f"{asset} freshness" for asset in assets}
    assert failing(result) == set()
    told = values(said["binance_ohlcv price_jump"].metadata)
    assert told["findings"] == 0
    assert told["window_start"] == "2026-03-03 00:00 UTC"
    assert told["window_end"] == "2026-03-05 00:00 UTC"
    kept = platform.lab.lake.check_results(datetime(2020, 1, 1, tzinfo=UTC))
    instruments = {f"binance_instruments {name}" for name in check_names(INSTRUMENTS, settings)}
    assert {
        f"{r.table_name.removeprefix('raw.')} {r.check_name}" for r in kept
    } == names | instruments
    assert all(r.passed for r in kept)


def test_a_stored_row_that_breaks_the_schema_fails_the_run_and_its_day_is_not_built(
    platform: Platform,
) -> None:
    assert platform.run("binance_ohlcv", *DAY).success
    settings = platform.lab.settings
    now = datetime.now(UTC) + timedelta(minutes=5)  # when all has settled
    spoil(
        platform,
        "UPDATE lake.raw.binance_ohlcv SET high = low / 2, volume = -1"
        " WHERE symbol = 'BTCUSDT' AND timestamp = '2026-03-04 07:00'",
    )

    result = platform.run("binance_ohlcv", *DAY)

    assert not result.success
    assert "schema" in str(failing(result))
    broken = check_results(result)["binance_ohlcv schema"]
    assert broken.severity is dg.AssetCheckSeverity.ERROR
    assert broken.blocking
    told = values(broken.metadata)
    assert told["findings"] == 1
    assert told["counts"] == {
        "high_too_low": 1,
        "negative_volume": 1,
        "taker_buy_exceeds_volume": 1,
    }
    assert "2026-03-04 07:00" in told["sample"]
    assert "BTCUSDT" in told["sample"]
    assert told["quarantine"] == "market-assets quarantine list --venue binance --dataset ohlcv"
    # Dagster would try the run again, to no avail.
    [run] = [r for r in platform.instance.get_runs() if r.is_failure]
    assert run.tags["dagster/max_retries"] == "0"

    found = look(settings, now)
    assert isinstance(found, Found)
    assert "1 days from 2026-03-04 to 2026-03-04 wait" in found.waiting
    assert "raw.binance_ohlcv schema" in found.waiting
    assert not any(due.first <= date(2026, 3, 4) <= due.last for due in found.due)

    # Who says that this is no error waits no longer, though nothing was judged again.
    turned_down = {"schema": "off", "ohlc_inconsistent": "warn"}
    lenient = platform.lab.with_settings(quality={"severities": turned_down}).settings
    found = look(lenient, now)
    assert isinstance(found, Found)
    assert not found.waiting
    assert any(due.first <= date(2026, 3, 4) <= due.last for due in found.due)

    # Read again with refresh, the venue's own values come back: the checks of these hours pass.
    assert platform.run("binance_ohlcv", *DAY, refresh=True).success
    found = look(settings, now)
    assert isinstance(found, Found)
    assert not found.waiting
    assert any(due.first <= date(2026, 3, 4) <= due.last for due in found.due)


def test_checks_run_alone_ask_no_venue_and_judge_the_hours_of_the_run(platform: Platform) -> None:
    assert platform.run("okx_ohlcv", *DAY).success
    spoil(
        platform,
        "UPDATE lake.raw.okx_ohlcv SET close = close * 1.5, high = high * 1.5"
        " WHERE symbol = 'BTCUSDT' AND timestamp = '2026-03-04 07:00'",
    )
    platform.lab.exchange.control(reset_stats=True)

    result = run_checks_alone(platform, "okx_ohlcv", *DAY)

    assert result.success
    assert platform.lab.exchange.stats()["okx"]["requests"] == 0
    assert "okx_ohlcv price_jump" in failing(result)
    told = values(check_results(result)["okx_ohlcv price_jump"].metadata)
    assert told["counts"] == {"BTCUSDT": 2}  # there, and back again
    assert told["report"].endswith("/quality/report/index.html")
    # As the UI's button does it, without partitions: the last closed hour of today.
    today = run_checks_alone(platform, "okx_ohlcv", "", "")
    assert today.success
    assert failing(today) == set()


def test_rows_in_quarantine_are_shown_with_reasons_and_their_payload(platform: Platform) -> None:
    platform.lab.exchange.control(faults={"bad_row": 1.0, "fault_paths": ["klines"]})
    platform.run("binance_ohlcv", *DAY)
    platform.lab.exchange.control(faults=None)

    result = platform.run("binance_ohlcv", *DAY)

    assert result.success, "the venue's good rows have come"
    assert failing(result) == {"binance_ohlcv quarantine"}
    told = values(check_results(result)["binance_ohlcv quarantine"].metadata)
    assert sum(told["counts"].values()) >= told["findings"] > 0
    held = platform.lab.quarantine()
    assert held[0]["quarantine_id"][:12] in told["sample"]


def test_an_incomplete_run_fails_its_completeness_check_by_name_too(platform: Platform) -> None:
    platform.lab.exchange.control(faults={"lost_rate": 0.1})
    result = platform.run("binance_ohlcv", *DAY)

    assert not result.success
    assert "intervals are missing" in why(result)
    check = check_results(result)["binance_ohlcv completeness"]
    assert not check.passed
    missing = platform.lab.lake.missing()
    told = values(check.metadata)
    assert told["findings"] == len(missing)
    assert missing[0].symbol in told["counts"]
    # The day is built all the same, and marked: only broken rows keep it from being built.
    assert not check.blocking
    found = look(platform.lab.settings, datetime.now(UTC) + timedelta(minutes=5))
    assert isinstance(found, Found)
    assert any(due.first <= date(2026, 3, 4) <= due.last for due in found.due)


@pytest.mark.parametrize(("severity", "ends"), [("warn", True), ("error", False), ("off", True)])
def test_severities_come_from_the_settings(platform: Platform, severity: str, ends: bool) -> None:
    platform.lab = platform.lab.with_settings(quality={"severities": {"price_jump": severity}})
    spike = {"venue": "okx", "symbol": "BTCUSDT", "factor": 2.0}
    start, end = (
        window("2026-03-04T07:00", "2026-03-04T08:00").start,
        window("2026-03-04", "2026-03-04T08:00").end,
    )
    platform.lab.exchange.control(faults={"divergence": [{**spike, "start": start, "end": end}]})

    result = platform.run("okx_ohlcv", *DAY)

    assert result.success is ends
    assert ("okx_ohlcv price_jump" in check_results(result)) is (severity != "off")
    assert ("okx_ohlcv price_jump" in failing(result)) is (severity != "off")
