"""What a look sees, over a real exchange and a real warehouse."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from lab_support import NOW, Lab, ms, window
from watch_support import SYMBOLS, THEN, days_of, one_series, seen, with_days

from market_assets.errors import VenueUnavailable
from market_assets.ingest.rows import Origin
from market_assets.ingest.snapshots import instrument_rows
from market_assets.schemas.datasets import INSTRUMENTS
from market_assets.schemas.timeline import Window
from market_assets.venues.contract import Instrument
from market_assets.warehouse.contract import Batch, CheckResult
from market_assets.watch.memory import Memory
from market_assets.watch.observing import Observer

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def test_a_candle_is_as_new_as_its_close_and_a_settlement_as_its_time(days: Lab) -> None:
    lab = days
    before = datetime.now(UTC) - timedelta(minutes=5)

    sight = seen(lab)

    assert not sight.problems
    candles = one_series(sight.observed, "BTCUSDT")
    assert candles.newest_data_at == datetime(2026, 3, 10, 12, tzinfo=UTC)
    assert candles.newest_ingestion_at is not None
    assert candles.newest_ingestion_at > before
    assert (candles.interval, candles.due_every) == ("1h", HOUR)
    assert candles.collect_from == datetime(2026, 2, 1, tzinfo=UTC)
    assert candles.listed_at == datetime(2019, 12, 1, tzinfo=UTC)
    funding = one_series(sight.observed, "NEWUSDT", "funding_rates")
    assert funding.newest_data_at == datetime(2026, 3, 10, 8, tzinfo=UTC)
    assert funding.due_every == 8 * HOUR


def test_a_series_whose_last_row_is_weeks_old_is_found_all_the_same(lab: Lab) -> None:
    lab = with_days(lab, "2026-02-12", "2026-02-12T12:00")

    sight = seen(lab)

    assert one_series(sight.observed, "BTCUSDT").newest_data_at == datetime(
        2026, 2, 12, 12, tzinfo=UTC
    )
    assert [d.unasked for d in days_of(sight.observed, "BTCUSDT")] == [24, 12]


def test_days_are_counted_as_they_are_stored_explained_missing_or_not_asked_for(lab: Lab) -> None:
    lab.exchange.control(faults={"no_trade_rate": 0.3, "lost_rate": 0.2})
    lab = with_days(lab, end="2026-03-10T09:00")
    asked = {
        date(2026, 3, 9): window("2026-03-09", "2026-03-10"),
        date(2026, 3, 10): window("2026-03-10", "2026-03-10T09:00"),
    }

    days = {day.day: day for day in days_of(seen(lab).observed, "BTCUSDT")}

    assert days.keys() == asked.keys()
    for day, within in asked.items():
        absent = list(lab.absences("binance", "BTCUSDT", within).values())
        assert days[day].present == len(lab.true_candles("binance", "BTCUSDT", within))
        assert days[day].missing == absent.count("missing")
        assert days[day].explained == absent.count("no_trade")
    assert min(sum(d.missing for d in days.values()), sum(d.explained for d in days.values())) > 0
    assert [days[day].unasked for day in asked] == [0, 3]
    assert [days[day].expected for day in asked] == [24, 12]


def test_a_symbol_that_was_added_just_now_owes_nothing_of_before(days: Lab) -> None:
    known = seen(days).memory
    lab = days.with_settings(venues={"binance": {"symbols": [*SYMBOLS, "ETHUSDT"]}})

    sight = seen(lab, THEN, known)

    assert one_series(sight.observed, "ETHUSDT").wanted_since == THEN
    assert one_series(sight.observed, "BTCUSDT").wanted_since is None
    assert not days_of(sight.observed, "ETHUSDT")
    later = seen(lab, THEN + 3 * HOUR, sight.memory)
    assert [d.unasked for d in days_of(later.observed, "ETHUSDT")] == [2]


def test_a_warehouse_at_rest_is_not_read_again(days: Lab) -> None:
    lab = days
    observer = Observer(lab.settings)
    memory = Memory(THEN)
    observer.observe(THEN, memory)
    first = observer.observe(THEN, memory).observed
    again = observer.observe(THEN + timedelta(minutes=1), memory).observed
    assert again.checks is first.checks
    assert again.instrument_changes is first.instrument_changes

    lab.lake.record_checks(
        [
            CheckResult(
                "raw.binance_ohlcv",
                "price_jump",
                window("2026-03-09", "2026-03-10"),
                passed=False,
                severity="warn",
                is_blocking=False,
                findings=2,
                found=None,
                sample=({"symbol": "BTCUSDT", "hours": 9},),
                run_id="r",
            )
        ]
    )
    [check] = observer.observe(datetime.now(UTC), memory).observed.checks or ()
    observer.close()
    assert (check.table, check.check, check.passed, check.findings) == (
        "raw.binance_ohlcv",
        "price_jump",
        False,
        2,
    )
    assert check.sample == "symbol BTCUSDT, hours 9"


def test_a_check_that_was_turned_off_is_seen_no_more(days: Lab) -> None:
    lab = days
    verdict = CheckResult(
        "raw.binance_ohlcv",
        "price_jump",
        window("2026-03-09", "2026-03-10"),
        passed=False,
        severity="warn",
        is_blocking=False,
        findings=1,
        found=None,
        sample=(),
        run_id="r",
    )
    lab.lake.record_checks([verdict, replace(verdict, table_name="raw.okx_ohlcv")])
    now = datetime.now(UTC)
    # okx is not collected here.
    assert [check.table for check in seen(lab, now).observed.checks or ()] == ["raw.binance_ohlcv"]
    off = lab.with_settings(quality={"severities": {"price_jump": "off"}})
    assert not seen(off, now).observed.checks


def test_a_venue_that_fails_shows_in_its_answers_and_its_gate(days: Lab) -> None:
    lab = days.with_settings(http={"attempts": 6, "breaker_failures": 4})
    # A budget is of the last minute, and these days may have been brought before.
    lab.ingest("binance", "BTCUSDT", window("2026-02-18", "2026-02-19"))
    answered = seen(lab, datetime.now(UTC)).observed
    assert answered.answers is not None
    assert not answered.answers[0].failed
    assert answered.gates is not None
    assert {bucket.name for bucket in answered.gates[0].buckets} == {"weight", "funding"}
    assert answered.gates[0].buckets[0].used > 0

    lab.exchange.control(faults={"http_503": 1.0, "fault_paths": ["klines", "time", "instruments"]})
    with pytest.raises(VenueUnavailable):
        lab.ingest("binance", "BTCUSDT", window("2026-02-20", "2026-02-21"))

    observed = seen(lab, datetime.now(UTC)).observed
    [answers] = observed.answers or ()
    failures = len(lab.requests("outcome = 'server_error'"))
    assert failures >= 4
    assert answers.failed == {"server_error": failures}
    assert answers.failed_since_ok == {"server_error": failures}
    assert answers.requests == len(lab.requests())
    assert answers.last_ok_at is not None
    assert answers.last_failed_at is not None
    assert answers.last_failed_at > answers.last_ok_at
    [gate] = observed.gates or ()
    assert gate.circuit_open_until is not None


def test_requests_leave_the_window_while_nobody_writes(days: Lab) -> None:
    lab = days
    observer = Observer(lab.settings)
    now = datetime.now(UTC)
    memory = Memory(now)
    observer.observe(now, memory)
    [lately] = observer.observe(now, memory).observed.answers or ()
    assert lately.requests == len(lab.requests()) > 0
    [later] = observer.observe(now + timedelta(minutes=61), memory).observed.answers or ()
    observer.close()
    assert later.requests == 0
    assert later.last_ok_at == lately.last_ok_at, "the last good answer is remembered for longer"


def test_a_missing_warehouse_is_not_seen_and_says_so(lab: Lab) -> None:
    sight = seen(lab.with_settings(warehouse={"path": "elsewhere"}))
    observed = sight.observed
    assert observed.series is None
    assert observed.completeness is None
    assert observed.answers is None
    assert observed.storage is not None
    assert observed.storage.bytes is None
    assert observed.storage.disk_free_bytes
    assert "nothing is ingested yet" in sight.problems["the warehouse"]


def test_a_damaged_warehouse_is_not_seen_and_a_mended_one_is_seen_again(days: Lab) -> None:
    lab = days
    lab.lake.close()
    catalog = lab.lake.path / "catalog.sqlite"
    whole = catalog.with_suffix(".whole")
    shutil.copy(catalog, whole)
    observer = Observer(lab.settings)
    catalog.write_bytes(b"this is no database" * 1000)
    broken = observer.observe(THEN, Memory(THEN))
    assert broken.problems
    assert broken.observed.series is None

    whole.replace(catalog)
    mended = observer.observe(THEN, Memory(THEN))
    observer.close()
    assert not mended.problems
    assert len(mended.observed.series or ()) == 4


def test_request_budgets_that_cannot_be_read_hide_nothing_else(days: Lab) -> None:
    lab = days
    file = lab.settings.state_dir / "venues.sqlite"
    with sqlite3.connect(file) as db:
        db.execute("drop table state")
    sight = seen(lab)
    assert sight.observed.gates is None
    assert "no such table" in sight.problems["request budgets"]
    assert sight.observed.series


def _instrument(**changes: object) -> Instrument:
    plain = Instrument(
        venue="binance",
        symbol="BTCUSDT",
        native_symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        settle="USDT",
        contract_size=1.0,
        tick_size=0.1,
        lot_size=0.001,
        status="trading",
        listed_at=ms("2020-01-01"),
        funding_interval_hours=8.0,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def _list(lab: Lab, at: str, *instruments: Instrument) -> None:
    rows = instrument_rows(instruments, Origin("binance", "", "r"), ms(at))
    lab.lake.commit(Batch("binance", INSTRUMENTS, "", "r", rows))


def test_what_changes_about_an_instrument_is_seen_with_what_it_was(lab: Lab) -> None:
    lab = lab.with_settings(venues={"okx": {"enabled": False}, "aster": {"enabled": False}})
    other = _instrument(symbol="NEWUSDT", native_symbol="NEWUSDT")
    _list(lab, "2026-03-01", _instrument())
    _list(lab, "2026-03-10T06:00", _instrument(tick_size=0.01, funding_interval_hours=4.0), other)
    _list(
        lab,
        "2026-03-10T09:00",
        _instrument(tick_size=0.01, funding_interval_hours=4.0),
        replace(other, status="delisted", delisted_at=ms("2026-03-10T08:00")),
    )

    observed = seen(lab).observed

    told = {(c.symbol, c.changed): (c.old, c.new) for c in observed.instrument_changes or ()}
    assert told == {
        ("BTCUSDT", "tick_size"): ("0.1", "0.01"),
        ("BTCUSDT", "funding_interval_hours"): ("8", "4"),
        ("NEWUSDT", "listed"): ("", "2020-01-01 00:00"),
        ("NEWUSDT", "delisted"): ("", "2026-03-10 08:00"),
    }
    seen_first = {c.venue_known_since for c in observed.instrument_changes or ()}
    assert seen_first == {datetime(2026, 3, 1, tzinfo=UTC)}
    assert one_series(observed, "BTCUSDT", "funding_rates").due_every == 4 * HOUR


def test_what_a_forgetful_venue_still_has_and_nobody_fetched_is_a_horizon(lab: Lab) -> None:
    lab = lab.with_settings(
        venues={
            "okx": {"symbols": ["BTCUSDT"], "start": "2026-03-01"},
            "binance": {"enabled": False},
            "aster": {"enabled": False},
        }
    )
    lab.ingest("okx", "BTCUSDT", window("2026-03-03", "2026-03-05"), dataset="funding_rates")

    [horizon] = seen(lab).observed.horizons or ()

    assert (horizon.venue, horizon.keeps) == ("okx", 90 * DAY)
    spans = [Window.of(*span) for span in horizon.unfetched]
    assert spans == [window("2026-03-01", "2026-03-03"), window("2026-03-05", NOW)]


def test_sizes_are_remembered_once_an_hour_for_eight_days(days: Lab) -> None:
    lab = days
    observer = Observer(lab.settings)
    memory = Memory(THEN - 9 * DAY)
    for minutes in (0, 30, 61, 9 * 24 * 60):
        memory = observer.observe(THEN + timedelta(minutes=minutes), memory).memory
    observer.close()
    assert [one.at - THEN for one in memory.sizes] == [timedelta(minutes=9 * 24 * 60)]
    assert memory.sizes[0].bytes > 0
    in_sql = lab.lake.query("SELECT count(*) AS n FROM raw.binance_ohlcv").to_pylist()[0]["n"]
    assert memory.sizes[0].rows > in_sql
