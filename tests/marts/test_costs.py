"""What dbt's models and tests cost, against the rows that they really read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from late_days import LONG_AGO, LateDays
from marts_support import MartsLab

from market_assets.marts.costs import Days, Reads
from market_assets.marts.project import SOURCE, Project
from market_assets.marts.results import Result
from market_assets.warehouse.estimate import MIB, Scan

pytestmark = pytest.mark.xdist_group("marts")

# Bytes on BigQuery of what hourly_stats reads and writes, by hand.
TIME, NUMBER, TEXT = 8, 8, 2


def test_a_build_leaves_a_row_for_each_mart_and_views_are_free(winter: MartsLab):
    built = {line.asset: line for line in winter.store.spent(LONG_AGO) if line.label == "mart"}
    marts = Project(winter.settings).nodes().marts
    assert set(built) == {f"marts.{mart.name}" for mart in marts}
    for mart in marts:
        line = built[f"marts.{mart.name}"]
        assert line.statements == 1, mart.name
        if mart.is_view:
            assert line.bytes_billed == 0, mart.name
        else:
            # what it reads, and at the least itself and the temporary table
            assert line.bytes_billed >= 10 * MIB * (2 + len(mart.marts)), mart.name
            assert line.bytes_billed >= line.bytes_processed, mart.name


def test_every_table_that_a_mart_is_made_from_is_in_what_it_is_billed_for(winter: MartsLab):
    """No scan is lost to what an engine knows of its rows today."""
    folder = Project(winter.settings).target
    kept = json.loads((folder / "reads.json").read_text())
    read = {table for scans in kept.values() for table, *_ in scans}
    nodes = Project(winter.settings).nodes()
    made_from = {f"marts.{name}" for m in nodes.marts if not m.is_view for name in m.marts}
    # no view is read by a mart, and of the raw tables only those that are assets have a key
    raw = {".".join(key) for m in nodes.marts if not m.is_view for key in m.raw}
    assert made_from <= read
    assert raw <= read


def test_the_latest_of_each_symbol_is_asked_of_the_last_days_alone(winter: MartsLab):
    """The day before them as well: the last hour's own 24."""
    days = winter.settings.marts.latest_days + 1
    with winter.store.planning() as reads_of:
        scans = reads_of("SELECT * FROM marts.latest_stats")
    today = (datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
    assert {scan.table for scan in scans} == {"marts.ohlcv", "marts.funding_rates"}
    assert all(scan.first_day in (today - days - 1, today - days) for scan in scans)


def test_completeness_is_counted_over_its_last_days_alone(winter: MartsLab):
    days = winter.settings.marts.completeness_days + 1
    with winter.store.planning() as reads_of:
        scans = reads_of("SELECT * FROM marts.ops_completeness WHERE date > DATE '2026-03-01'")
    today = (datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
    [candles] = {scan.first_day for scan in scans if scan.table == "marts.ohlcv"}
    assert candles in (today - days - 1, today - days)


def test_a_build_of_days_is_billed_for_them_and_for_those_it_looks_back_to(late: LateDays):
    of_model, of_tests = ("mart", "marts.hourly_stats"), ("check", "marts.hourly_stats")
    facts = late.lab.store.table_facts()
    assert [bill.statements[of_model] for bill in late.bills] == [1, 2, 3]
    assert [bill.statements[of_tests] > 0 for bill in late.bills] == [False, False, True]
    # A day of look-back or more, then the days; every column of the model twice over the days.
    hours = (
        late.lab.query(
            "select count(*) as n from marts.ohlcv where timestamp >= '2026-02-28'"
            " and timestamp < '2026-03-10' and interval = '1h'"
        )["n"].iloc[0]
        / 10
    )
    sql = (SOURCE / "models/marts/aggregates/hourly_stats.sql").read_text()
    assert "read_for_run('timestamp', days=1)" in sql
    # timestamp, symbol, venue, interval, four prices, two volumes, trades and what takers bought
    row_read = TIME + (9 + TEXT) + (5 + TEXT) + (2 + TEXT) + 8 * NUMBER
    row_written = sum(facts["marts.hourly_stats"].widths.values())
    for (before, after), days in zip(pairwise(late.bills), (1, 10), strict=True):
        processed = after.bytes_processed[of_model] - before.bytes_processed[of_model]
        by_hand = hours * ((days + 1) * row_read + 2 * days * row_written)
        # The catalog counts rows by file, whose days are not all alike; the whole is tenfold.
        assert processed == pytest.approx(by_hand, rel=0.5), days
    assert facts["marts.ohlcv"].rows() > 8 * (10 + 1) * hours


def test_a_text_is_planned_once_and_its_days_move_with_the_build(winter: MartsLab, tmp_path: Path):
    reads = Reads(tmp_path / "reads.json")
    text = (
        "select close from marts.ohlcv"
        " where timestamp >= '2026-02-0{}' and timestamp < '2026-02-05'"
    )
    first = Result("model.x", "success", 0, "", 0, text.format(3))
    start = (datetime(2026, 2, 4) - datetime(1970, 1, 1)).days
    found = reads.of(winter.store, [first], Days(start, start))
    assert found == {"model.x": [Scan("marts.ohlcv", ("close", "timestamp"), start - 1, start)]}
    kept = reads.file.read_text()
    again = Result("model.x", "success", 0, "", 0, text.format(8))
    later = reads.of(winter.store, [again], Days(start + 7, start + 7))
    assert later["model.x"][0].first_day == start + 6
    assert reads.file.read_text() == kept
