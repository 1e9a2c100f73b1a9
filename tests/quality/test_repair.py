"""Repair from end to end: what is missing comes by the API or from the archive, or is given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lab_support import Lab, window

from market_assets.quality.repair import look, run_repair
from market_assets.quality.repair_plan import started
from market_assets.quality.vanished import reopen, vanished
from market_assets.schemas.datasets import OHLCV
from market_assets.warehouse.connection import connect
from market_assets.warehouse.contract import Gap
from market_assets.warehouse.layout import Layout

NOW = datetime(2026, 3, 10, 12, 40, tzinfo=UTC)
DAY = window("2026-03-04", "2026-03-05")


def repair_all(lab: Lab, now: datetime) -> int:
    """One round as the platform does it; how many intervals are missing after it."""
    plan = look(lab.settings, lab.lake, now)
    lab.lake.record_repairs([*plan.given_up, *(a for r in plan.repairs for a in started(r, now))])
    for repair in plan.repairs:
        run_repair(repair, lab.settings, lab.lake)
    return len(lab.lake.missing())


def archived(lab: Lab) -> Lab:
    url = f"{lab.settings.venue('binance').base_url}/archive"
    return lab.with_settings(venues={"binance": {"archive_url": url, "symbols": ["BTCUSDT"]}})


def test_what_the_api_has_again_is_brought_by_it_and_nobody_else_is_asked(lab: Lab) -> None:
    lab = archived(lab)
    lab.exchange.control(faults={"lost_rate": 0.2})
    assert lab.ingest("binance", "BTCUSDT", DAY).missing
    lab.exchange.control(faults=None, reset_stats=True)

    assert repair_all(lab, NOW) == 0

    lab.assert_truth("binance", "BTCUSDT", DAY)
    assert not lab.requests("endpoint = 'archive'")


def test_what_the_api_never_has_comes_from_the_archive_and_costs_no_weight(lab: Lab) -> None:
    lab = archived(lab)
    lab.exchange.control(faults={"lost_rate": 0.2})
    missing = lab.ingest("binance", "BTCUSDT", DAY).missing
    assert missing

    assert repair_all(lab, NOW) == 0

    stored = lab.candles("binance", "BTCUSDT", DAY)
    assert len(stored) == 24
    lab.exchange.control(faults=None)
    assert stored == lab.true_candles("binance", "BTCUSDT", DAY)
    sources = lab.lake.ask(
        "select source, count(*) as n from raw.binance_ohlcv group by source order by source"
    ).to_pylist()
    lost = sum(item.gap.window.length // 3_600_000 for item in missing)
    assert sources == [{"source": "archive", "n": lost}, {"source": "rest", "n": 24 - lost}]
    assert {row["weight"] for row in lab.requests("endpoint = 'archive'")} == {0}


def test_a_venue_without_an_archive_is_asked_until_it_is_given_up_loudly(lab: Lab) -> None:
    lab = lab.with_settings(
        venues={"okx": {"symbols": ["BTCUSDT"]}}, quality={"repair": {"attempts": 2}}
    )
    lab.exchange.control(faults={"lost_rate": 0.2})
    lab.ingest("okx", "BTCUSDT", DAY)
    before = len(lab.lake.missing())
    assert before > 0

    now = NOW
    for _ in range(4):
        assert repair_all(lab, now) == before
        now += timedelta(hours=6)

    outcomes = [(a.attempt, a.outcome) for a in lab.lake.repairs()]
    assert outcomes.count((1, "started")) == outcomes.count((2, "started")) == before
    given_up = [a for a in lab.lake.repairs() if a.outcome == "given_up"]
    assert [a.span.window for a in given_up] == [span.window for span in lab.lake.missing()]
    assert {a.detail for a in given_up} == {
        "still missing after 2 attempts (quality.repair.attempts)"
    }
    assert not look(lab.settings, lab.lake, now).repairs


def test_a_file_that_cannot_be_believed_leaves_the_interval_missing_and_says_why(lab: Lab) -> None:
    lab = archived(lab)
    lab.exchange.control(faults={"lost_rate": 0.2, "archive_bad_checksum": 1.0})
    lab.ingest("binance", "BTCUSDT", DAY)
    [repair, *_] = look(lab.settings, lab.lake, NOW).repairs

    [summary] = run_repair(repair, lab.settings, lab.lake)

    assert summary.missing
    assert "BTCUSDT-1h-2026-03-04.zip" in str(summary.stopped_by)
    assert lab.lake.ask("select * from raw.binance_ohlcv where source = 'archive'").num_rows == 0


def test_what_is_no_longer_collected_is_not_repaired(lab: Lab) -> None:
    lab = lab.with_settings(venues={"okx": {"symbols": ["BTCUSDT"]}})
    lab.exchange.control(faults={"lost_rate": 0.2})
    lab.ingest("okx", "BTCUSDT", DAY)
    assert look(lab.settings, lab.lake, NOW).repairs

    elsewhere = lab.with_settings(venues={"okx": {"symbols": ["ETHUSDT"]}})
    assert not look(elsewhere.settings, lab.lake, NOW).repairs


def test_a_candle_that_vanished_from_the_store_is_found_and_brought_back(lab: Lab) -> None:
    lab = lab.with_settings(venues={"okx": {"symbols": ["BTCUSDT"]}})
    assert lab.ingest("okx", "BTCUSDT", DAY).complete

    def gone() -> dict[str, list[Gap]]:
        recorded = lab.lake.gaps("okx", OHLCV, "1h", ["BTCUSDT"], DAY)
        rows = lab.lake.read("okx", OHLCV, interval="1h", symbols=["BTCUSDT"], window=DAY)
        return vanished(lab.lake, "okx", "1h", ["BTCUSDT"], DAY, recorded, rows)

    assert gone() == {}
    connection = connect(Layout(lab.lake.path))
    connection.execute(
        "DELETE FROM lake.raw.okx_ohlcv"
        " WHERE timestamp BETWEEN '2026-03-04 05:00' AND '2026-03-04 06:00'"
    )
    connection.close()
    assert lab.ingest("okx", "BTCUSDT", DAY).complete, "by the record nothing is to be done"

    [gap] = gone()["BTCUSDT"]
    assert gap.window == window("2026-03-04T05:00", "2026-03-04T07:00")
    assert reopen(lab.lake, "okx", "1h", ["BTCUSDT"], DAY, "check-1") == 1
    assert repair_all(lab, NOW) == 0
    lab.assert_truth("okx", "BTCUSDT", DAY)
