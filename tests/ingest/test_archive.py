"""The bulk archive as a second source: old history, repair, and what it says otherwise."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from archive_support import (
    ARCHIVED,
    SPAN,
    TWO,
    WEEK,
    a_job,
    archive,
    lost_then_found,
    revisions,
    settlements,
    sources,
    with_archives,
)
from lab_support import Lab, ms, window

from market_assets.errors import (
    ArchiveCorrupt,
    IntervalsMissing,
    RequestInvalid,
    VenueUnavailable,
)
from market_assets.ingest.archive import fill_from_archive, ingest_archive
from market_assets.ingest.job import Job
from market_assets.ingest.rows import Origin
from market_assets.ingest.snapshots import instrument_rows
from market_assets.schemas.datasets import INSTRUMENTS, OHLCV
from market_assets.schemas.timeline import HOUR_MS, to_ms
from market_assets.venues.contract import Instrument
from market_assets.warehouse.contract import Batch


@pytest.fixture
def lab(lab: Lab) -> Lab:
    return with_archives(lab)


# -- old history


@pytest.mark.parametrize(
    ("venue", "interval"), [("binance", "1h"), ("binance", "4h"), ("aster", "1h")]
)
def test_history_comes_as_it_was_traded_and_costs_no_weight(lab: Lab, venue: str, interval: str):
    summary = archive(lab, venue, TWO, SPAN, interval)
    summary.raise_if_incomplete()
    lab.assert_truth(venue, TWO, SPAN, interval)
    rows = 2 * SPAN.length // (HOUR_MS if interval == "1h" else 4 * HOUR_MS)
    assert (summary.inserted, summary.weight) == (rows, 0)
    assert set(sources(lab, venue)) == {"archive"}
    stats = lab.exchange.stats()[venue]
    assert (stats["weight_used"], stats["requests"]) == (0, 0)
    # January in one file, three days of February, a checksum beside each: for both symbols.
    assert stats["archive_requests"] == summary.requests == 2 * 4 * 2
    assert {row["endpoint"] for row in lab.requests()} == {"archive"}
    assert {row["weight"] for row in lab.requests()} == {0}


def test_what_the_archive_brought_is_not_asked_of_the_api_again(lab: Lab):
    archive(lab, "binance", TWO, SPAN).raise_if_incomplete()
    lab.exchange.control(reset_stats=True)
    summary = lab.ingest("binance", TWO, SPAN)
    assert summary.already_complete == 2 * SPAN.length // HOUR_MS
    assert "/fapi/v1/klines" not in lab.exchange.stats()["binance"]["by_path"]


def test_running_twice_changes_nothing(lab: Lab):
    archive(lab, "binance", TWO, SPAN)
    rows = 2 * SPAN.length // HOUR_MS
    for refresh, unchanged, requests in ((False, 0, 0), (True, rows, 16)):
        lab.exchange.control(reset_stats=True)
        summary = archive(lab, "binance", TWO, SPAN, refresh=refresh)
        assert (summary.inserted, summary.corrected, summary.unchanged) == (0, 0, unchanged)
        assert summary.complete
        assert lab.exchange.stats()["binance"]["archive_requests"] == requests
    assert revisions(lab) == []
    lab.assert_truth("binance", TWO, SPAN)


def test_work_of_several_chunks_is_stored_chunk_by_chunk_and_complete(lab: Lab):
    small = lab.with_settings(ingest={"commit_rows": 1000})
    archive(small, "binance", TWO, window("2025-11-01", "2026-02-04")).raise_if_incomplete()
    lab.assert_truth("binance", TWO, window("2025-11-01", "2026-02-04"))
    runs = lab.lake.ask("select count(*) n from ops.changes where dataset = 'ohlcv'")
    assert runs.to_pylist()[0]["n"] > 2


def test_today_is_not_in_the_archive_yet_and_named_missing_until_the_api_brings_it(lab: Lab):
    span = window("2026-03-08", "2026-03-10T12:00")
    summary = archive(lab, "binance", "BTCUSDT", span)
    (item,) = summary.missing
    assert item.gap.window == window("2026-03-10", "2026-03-10T12:00")
    with pytest.raises(IntervalsMissing, match="2026-03-10 00:00"):
        summary.raise_if_incomplete()
    assert lab.absences("binance", "BTCUSDT", span) == {}, "an archive's silence is no judgement"
    lab.ingest("binance", "BTCUSDT", span).raise_if_incomplete()
    lab.assert_truth("binance", "BTCUSDT", span)
    assert sources(lab) == {"archive": 48, "rest": 12}


def test_a_month_before_the_listing_costs_a_few_requests_and_stays_as_it_was_known(lab: Lab):
    """NEWUSDT is listed within the span; OLDUSDT's files go on after its end with nothing."""
    span = window("2025-10-01", "2026-02-01")
    summary = archive(lab, "binance", "NEWUSDT", span)
    assert summary.inserted == 0
    assert [item.gap.window for item in summary.missing] == [span]
    assert summary.requests == summary.failed_requests + 4 * 3, "month, first day, last day"
    assert summary.failed_requests == 0, "not there is an answer"
    assert lab.absences("binance", "NEWUSDT", span) == {}


def test_rows_after_a_known_delisting_are_another_contracts(lab: Lab):
    """The archive goes on printing a delisted symbol; we know when it ended."""
    lab.exchange.control(clock={"now": "2026-03-04T10:30:30Z"})
    lab.ingest("binance", (), SPAN, dataset="instruments")  # while the end is announced
    end = to_ms(
        lab.lake.ask(
            "select delisted_at from raw.binance_instruments where symbol = 'OLDUSDT'"
        ).to_pylist()[0]["delisted_at"]
    )
    lab.exchange.control(clock={"now": "2026-03-10T12:34:56Z"}, faults={"zombie_candles": True})
    span = window("2026-03-01", "2026-03-10")
    archive(lab, "binance", "OLDUSDT", span).raise_if_incomplete()
    stored = [row["timestamp"] for row in lab.candles("binance", "OLDUSDT", span)]
    assert stored == list(range(span.start, end, HOUR_MS))


def test_files_bear_the_venues_own_spelling(lab: Lab):
    """The exchange trades BTCUSDT; we were told to call it XBTUSDT."""
    known = Instrument(
        "binance", "XBTUSDT", "BTCUSDT", "XBT", "USDT", "USDT", 1.0, 0.1, 0.001, "trading", 0
    )
    rows = instrument_rows([known], Origin("binance", "", "run-0"), ms("2026-01-01"))
    lab.lake.commit(Batch("binance", INSTRUMENTS, "", "run-0", rows))
    archive(lab, "binance", "XBTUSDT", WEEK).raise_if_incomplete()
    truth = lab.true_candles("binance", "BTCUSDT", WEEK)
    assert lab.candles("binance", "XBTUSDT", WEEK) == truth


# -- repair


@ARCHIVED
def test_hours_that_the_api_lost_are_repaired_to_the_truth(lab: Lab, venue: str):
    lab.exchange.control(faults={"lost_rate": 0.05})
    lost = {s: lab.true_absences(venue, s, WEEK) for s in TWO}
    assert all(lost.values())
    told = lab.ingest(venue, TWO, WEEK)
    assert not told.complete
    summary = archive(lab, venue, TWO, WEEK)
    summary.raise_if_incomplete()
    assert summary.inserted == sum(len(found) for found in lost.values())
    assert summary.corrected == 0
    for symbol in TWO:
        assert lab.absences(venue, symbol, WEEK) == {}, "a filled gap is no gap"
    lab.exchange.control(faults={"lost_rate": 0.0})
    lab.assert_truth(venue, TWO, WEEK)


def test_given_intervals_are_filled_and_no_others(lab: Lab):
    lab.exchange.control(faults={"lost_rate": 0.1})
    told = lab.ingest("binance", TWO, WEEK)
    first, *others = told.missing
    job = a_job("binance", TWO, WEEK)
    summary = fill_from_archive(job, [first], lab.settings, lab.lake)
    assert summary.complete
    assert summary.inserted == first.gap.window.length // HOUR_MS
    left = [i for s in TWO for i in lab.lake.gaps("binance", OHLCV, "1h", [s], WEEK)[s]]
    assert sum(gap.window.length for gap in left) == sum(i.gap.window.length for i in others)
    assert fill_from_archive(job, others, lab.settings, lab.lake).missing == []
    lab.exchange.control(faults={"lost_rate": 0.0})
    lab.assert_truth("binance", TWO, WEEK)


def test_what_the_archive_has_no_file_of_is_still_missing_with_its_evidence(lab: Lab):
    lab.exchange.control(faults={"lost_rate": 0.05, "archive_missing": 1.0})
    told = lab.ingest("binance", "BTCUSDT", WEEK)
    before = lab.lake.gaps("binance", OHLCV, "1h", ["BTCUSDT"], WEEK)
    job = a_job("binance", "BTCUSDT", WEEK)
    summary = fill_from_archive(job, told.missing, lab.settings, lab.lake)
    assert [str(item) for item in summary.missing] == [str(item) for item in told.missing]
    assert [item.gap for item in summary.missing] == before["BTCUSDT"]
    assert lab.lake.gaps("binance", OHLCV, "1h", ["BTCUSDT"], WEEK) == before
    assert summary.stopped_by is None


def test_hours_without_trades_stay_judged_as_they_were(lab: Lab):
    """They are in no file either: absent rows of an archive prove nothing, and undo nothing."""
    lab.exchange.control(faults={"no_trade_rate": 0.05, "lost_rate": 0.05})
    lab.ingest("binance", TWO, WEEK)
    quiet = {s: lab.lake.gaps("binance", OHLCV, "1h", [s], WEEK)[s] for s in TWO}
    archive(lab, "binance", TWO, WEEK, refresh=True).raise_if_incomplete()
    for symbol in TWO:
        kept = [gap for gap in quiet[symbol] if gap.reason == "no_trade"]
        assert kept
        assert lab.lake.gaps("binance", OHLCV, "1h", [symbol], WEEK)[symbol] == kept


def test_a_month_whose_file_is_not_there_comes_in_days(lab: Lab):
    """A third of the files is missing, and the month's among them (drawn from the seed)."""
    lab.exchange.control(faults={"archive_missing": 0.35})
    days = {}
    for symbol in ("BTCUSDT", "ETHUSDT", "UNIUSDT", "LINKUSDT", "AAVEUSDT"):
        archive(lab, "binance", symbol, window("2026-01-01", "2026-02-01"))
        stored = lab.candles("binance", symbol, SPAN)
        days[symbol] = len(stored) / 24
    assert any(0 < count < 31 for count in days.values()), "some by days"
    assert any(count == 31 for count in days.values()), "some by the month"
    assert all(count == int(count) for count in days.values())


# -- files that are not what they should be


def test_nothing_of_a_file_is_stored_that_its_checksum_does_not_hold_for(lab: Lab):
    lab.exchange.control(faults={"archive_truncated": 1.0})
    summary = archive(lab, "binance", "BTCUSDT", WEEK)
    assert lab.candles("binance", "BTCUSDT", WEEK) == []
    assert [item.gap.window for item in summary.missing] == [WEEK]
    with pytest.raises(ArchiveCorrupt, match=r"BTCUSDT-1h-2026-02-0\d\.zip"):
        summary.raise_if_incomplete()
    assert {row["outcome"] for row in lab.requests("status = 200")} == {"ok", "corrupt"}
    assert summary.failed_requests == 7 * 2, "seven files, each asked again once"


def test_files_that_are_good_are_stored_beside_those_that_are_not(lab: Lab):
    lab.exchange.control(faults={"archive_bad_checksum": 0.4})
    summary = archive(lab, "binance", TWO, WEEK)
    assert 0 < summary.inserted < 2 * 7 * 24
    missing = sum(item.gap.window.length for item in summary.missing) // HOUR_MS
    assert summary.inserted + missing == 2 * 7 * 24
    with pytest.raises(ArchiveCorrupt):
        summary.raise_if_incomplete()
    lab.exchange.control(faults={"archive_bad_checksum": 0.0})
    archive(lab, "binance", TWO, WEEK).raise_if_incomplete()
    lab.assert_truth("binance", TWO, WEEK)


def test_a_broken_month_is_no_error_when_its_days_are_whole(lab: Lab):
    """The first two requests are the month's checksum and the month, and again."""
    broken = {"fault": "cut_json", "start_request": 2, "end_request": 4}
    lab.exchange.control(faults={"schedule": [broken], "fault_paths": ["archive"]})
    january = window("2026-01-01", "2026-02-01")
    archive(lab, "binance", "BTCUSDT", january).raise_if_incomplete()
    lab.assert_truth("binance", "BTCUSDT", january)
    assert lab.exchange.stats()["binance"]["archive_requests"] == 2 * 2 + 31 * 2


def test_each_file_is_read_in_its_own_format(lab: Lab):
    """Half of the files have no heading and half are in microseconds, in all combinations."""
    lab.exchange.control(faults={"archive_no_header": 0.5, "archive_microseconds": 0.5})
    archive(lab, "binance", TWO, SPAN).raise_if_incomplete()
    settlements(lab, "binance", TWO, window("2026-01-01", "2026-02-01")).raise_if_incomplete()
    lab.assert_truth("binance", TWO, SPAN)
    lab.assert_funding_truth("binance", TWO, window("2026-01-01", "2026-02-01"))


def test_an_archive_that_is_down_ends_the_run_and_what_came_is_kept(lab: Lab):
    down = {"fault": "http_503", "start_request": 30, "end_request": 100_000}
    lab.exchange.control(faults={"schedule": [down], "fault_paths": ["archive"]})
    hasty = lab.with_settings(
        http={"attempts": 2}, ingest={"commit_rows": 100}, venues={"binance": {"concurrency": 2}}
    )
    span = window("2026-02-01", "2026-02-28")
    summary = archive(hasty, "binance", "BTCUSDT", span)
    assert 0 < summary.inserted < 27 * 24
    with pytest.raises(VenueUnavailable, match="archive_url"):
        summary.raise_if_incomplete()
    assert summary.requests < 40, "the rest was not asked for"
    lab.exchange.control(faults={"schedule": []})
    archive(lab, "binance", "BTCUSDT", span).raise_if_incomplete()
    lab.assert_truth("binance", "BTCUSDT", span)


# -- where the archive says otherwise


def test_a_value_that_only_the_archive_has_corrected_replaces_the_apis_with_a_trace(lab: Lab):
    hour = ms("2026-02-05T07:00")
    other = {"venue": "binance", "symbol": "BTCUSDT", "hour": "2026-02-05T07:00Z", "factor": 1.01}
    lab.exchange.control(faults={"archive_differs": [other]})
    lab.ingest("binance", TWO, WEEK, run_id="from-api").raise_if_incomplete()
    before = {row["timestamp"]: row for row in lab.candles("binance", "BTCUSDT", WEEK)}
    assert archive(lab, "binance", TWO, WEEK).requests == 0, "what is complete is not asked for"
    summary = archive(lab, "binance", TWO, WEEK, refresh=True, run_id="from-files")
    summary.raise_if_incomplete()
    assert (summary.inserted, summary.corrected) == (0, 1)
    (revised,) = revisions(lab)
    assert (to_ms(revised["timestamp"]), revised["symbol"]) == (hour, "BTCUSDT")
    assert (revised["old_run_id"], revised["new_run_id"]) == ("from-api", "from-files")
    assert json.loads(revised["old_values"])["close"] == before[hour]["close"]
    after = {row["timestamp"]: row for row in lab.candles("binance", "BTCUSDT", WEEK)}
    assert after[hour]["close"] == pytest.approx(before[hour]["close"] * 1.01, rel=1e-5)
    assert [t for t in after if after[t] != before[t]] == [hour]
    assert sources(lab) == {"archive": 1, "rest": 2 * 7 * 24 - 1}


def test_a_repair_does_not_touch_what_is_stored_beside_the_hole(lab: Lab):
    other = {"venue": "binance", "symbol": "BTCUSDT", "hour": "2026-02-05T07:00Z", "factor": 1.01}
    lab.exchange.control(faults={"archive_differs": [other], "lost_rate": 0.05})
    lab.ingest("binance", "BTCUSDT", WEEK)
    assert ms("2026-02-05T07:00") not in lab.absences("binance", "BTCUSDT", WEEK)
    archive(lab, "binance", "BTCUSDT", WEEK).raise_if_incomplete()
    assert revisions(lab) == []
    lost_then_found(lab, "binance", "BTCUSDT", WEEK)


# -- requests that make no sense


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (a_job("okx", "BTCUSDT", WEEK), "okx has no archive"),
        (a_job("binance", "BTCUSDT", WEEK, dataset="funding_predictions"), "Archives have ohlcv"),
        (a_job("binance", (), WEEK, dataset="instruments"), "Archives have ohlcv"),
        (a_job("binance", "BTCUSDT", WEEK, "7m"), "Candle lengths are"),
        (a_job("binance", (), WEEK), "Name one at least"),
    ],
)
def test_what_no_archive_can_bring_is_refused_before_anything_is_asked(
    lab: Lab, job: Job, told: str
):
    with pytest.raises(RequestInvalid, match=told):
        ingest_archive(job, lab.settings, lab.lake)
    assert lab.exchange.stats()["binance"]["archive_requests"] == 0


def test_without_an_address_the_setting_is_named(lab: Lab):
    unset = replace(
        lab, given={**lab.given, "venues": {"binance": {"archive_url": None}}}
    )  # fmt: skip
    with pytest.raises(RequestInvalid, match=r"venues\.binance\.archive_url"):
        archive(unset, "binance", "BTCUSDT", WEEK)


def test_an_archives_run_imports_nothing_heavy(lab: Lab):
    """pandas alone takes 0.4 s and 50 MB; arrow imports it on many of the nearer ways."""
    lab.ingest("binance", "BTCUSDT", window("2026-01-01", "2026-01-03"), dataset="funding_rates")
    program = f"""
import sys
from datetime import datetime
from pathlib import Path
from market_assets.ingest.archive import ingest_archive
from market_assets.ingest.job import Job
from market_assets.schemas.timeline import Window
from market_assets.settings import Settings
from market_assets.warehouse.ducklake import DuckLakeWarehouse
root = Path({str(lab.folder)!r})
settings = Settings.model_validate({dict(lab.given)!r}, context={{"root": root}})
span = Window.of(datetime(2026, 1, 1), datetime(2026, 2, 1))
with DuckLakeWarehouse(root / "warehouse") as lake:
    for dataset, interval in (("ohlcv", "4h"), ("funding_rates", "")):
        job = Job("binance", dataset, ("BTCUSDT",), span, interval)
        ingest_archive(job, settings, lake).raise_if_incomplete()
print([m for m in ("pandas", "pandera", "dagster") if m in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
