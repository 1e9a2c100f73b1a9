"""What only the store on BigQuery does: other people's GoogleSQL, bills, records, keeping."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from emulator_support import EmulatedBigQuery

sys.path.insert(0, str(Path(__file__).parents[1] / "warehouse"))
from engine_support import settings_of, store_fixtures
from warehouse_support import START, ask, at, candle_batch, hours

from market_assets.errors import QueryTooLarge, RequestInvalid
from market_assets.schemas.alerts import Alert, AlertDelivery
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.timeline import HOUR_MS, to_ms
from market_assets.warehouse.bigquery.engine import BigQueryWarehouse
from market_assets.warehouse.contract import Build, Gap, SeriesOutcome
from market_assets.warehouse.estimate import Prices
from market_assets.warehouse.metering import charged_to

pytestmark = pytest.mark.xdist_group("bigquery")

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

place, shared, store = store_fixtures("store")


def test_other_peoples_googlesql_reads_and_nothing_else(
    store: BigQueryWarehouse, place: EmulatedBigQuery
) -> None:
    store.commit(candle_batch(0, 2))
    table = f"{place.prefix}raw.binance_ohlcv"
    [row] = store.query(f"SELECT MAX(close) AS top, COUNT(*) AS n FROM {table}").to_pylist()
    assert row == {"top": 101.3, "n": 4}
    for refused in (
        f"DELETE FROM {table} WHERE TRUE",
        f"SELECT 1; DELETE FROM {table} WHERE TRUE",
        f"CREATE TABLE {place.prefix}raw.mine (a INT64)",
        f"DROP TABLE {table}",
        f"SELECT no_such_column FROM {table}",
        "SELECT * FROM nowhere.at_all",
        "",
    ):
        with pytest.raises(RequestInvalid):
            store.query(refused)
    assert store.read("binance", OHLCV).num_rows == 4


def test_a_query_that_would_bill_too_much_is_refused_before_it_runs(
    store: BigQueryWarehouse, place: EmulatedBigQuery
) -> None:
    store.commit(candle_batch(0, 2))
    sql = f"SELECT close FROM {place.prefix}raw.binance_ohlcv"
    told = store.estimate(sql)
    assert told.bytes_billed == 10 * 2**20, "a table counts for ten megabytes at least"
    assert told.dollars == pytest.approx(10 * 2**20 / 2**40 * 6.25)
    tight = Prices(maximum_bytes_billed=2**20)
    with (
        BigQueryWarehouse(settings_of(place), read_only=True, prices=tight) as reader,
        pytest.raises(QueryTooLarge, match=r"would bill 10 MB(?s:.*)1 MB are allowed"),
    ):
        reader.query(sql)


def test_what_jobs_were_billed_is_kept_by_who_pays_once_each(store: BigQueryWarehouse) -> None:
    with charged_to(label="check", asset="raw.binance_ohlcv", run_id="run-9"):
        store.read("binance", OHLCV)
        store.read("binance", OHLCV)
    store.settle_costs()
    store.settle_costs()
    [row] = ask(
        store,
        "SELECT label, asset, run_id, engine, count(*) AS n, count(DISTINCT statement_id) AS ids"
        " FROM ops.query_costs WHERE label = 'check' GROUP BY ALL",
    )
    assert row == {
        "label": "check",
        "asset": "raw.binance_ohlcv",
        "run_id": "run-9",
        "engine": "bigquery",
        "n": 2,
        "ids": 2,
    }
    [paid] = [one for one in store.spent(LONG_AGO) if one.label == "check"]
    assert (paid.asset, paid.statements) == ("raw.binance_ohlcv", 2)


def test_changes_builds_and_the_budget_are_told_as_they_were_written(
    store: BigQueryWarehouse,
) -> None:
    store.commit(candle_batch(0, 3))
    [change] = store.changes(LONG_AGO)
    assert change.dataset == "ohlcv"
    assert (change.window.start, change.window.end) == (START, START + 2 * HOUR_MS + 1)
    assert store.changes(change.changed_at) == []
    build = Build("ohlcv", at(0).date(), at(24).date(), change.changed_at)
    store.record_builds([build], "run-1")
    assert store.builds(LONG_AGO) == [build]
    today = datetime.now(UTC).date()
    assert store.released(today) is None
    assert store.release_budget(today, "it's mine") is True
    assert store.release_budget(today, "no, mine") is False
    assert store.released(today) == "it's mine"


def test_alerts_of_a_book_that_is_out_of_date_are_not_written(store: BigQueryWarehouse) -> None:
    now = datetime.now(UTC)
    empty = store.alert_book()
    assert store.record_alerts(
        [alert("one", 1, now)], [delivery("one", now)], version=empty.version
    )
    assert not store.record_alerts([alert("two", 2, now)], [], version=empty.version)
    book = store.alert_book()
    assert [one.alert_id for one in book.alerts.values()] == ["one"]
    assert [one.alert_id for one in store.alerts(open_only=True)] == ["one"]
    changes, messages = store.alert_history("one")
    assert (len(changes), [message.channel for message in messages]) == (1, ["log"])


def test_retention_forgets_rows_and_what_was_said_of_them_and_cuts_what_crosses(
    store: BigQueryWarehouse,
) -> None:
    now = datetime.now(UTC)
    shift = (to_ms(now - timedelta(days=30)) - START) // HOUR_MS - 12
    window = hours(shift, 24)
    gap = Gap(hours(shift + 2, 20), "no_trade", {"why": "test"})
    outcome = SeriesOutcome("BTCUSDT", window, (window,), (gap,))
    store.commit(candle_batch(shift, 24, symbols=["BTCUSDT"], series=[outcome]))
    store.record_alerts([alert("old", 1, now - timedelta(days=40))], [])
    kept = store.maintain(retention_days=30)
    assert kept.rows_expired in (12, 13)
    left = store.read("binance", OHLCV)
    assert left.num_rows == 24 - kept.rows_expired
    [covered] = store.covered("binance", OHLCV, "1h", ["BTCUSDT"], window)["BTCUSDT"]
    [known] = store.gaps("binance", OHLCV, "1h", ["BTCUSDT"], window)["BTCUSDT"]
    assert (known.window.start, known.window.end) == (covered.start, gap.window.end)
    [row] = ask(store, "SELECT candles FROM ops.gaps")
    assert row["candles"] == 22 - kept.rows_expired
    # how a key stands is told by its newest alert, however old that is
    assert [one.alert_id for one in store.alerts()] == ["old"]


def test_a_number_tells_for_nothing_that_somebody_wrote(store: BigQueryWarehouse) -> None:
    jobs = len(store._meter._waiting)
    before = store.version()
    assert store.version() == before
    assert len(store._meter._waiting) == jobs, "no job was sent to tell it"
    store.commit(candle_batch(0, 1))
    assert store.version() > before
    assert "raw.binance_ohlcv" in store.tables()
    assert store.table_sizes()["raw.binance_ohlcv"].rows == 2


def alert(name: str, sequence: int, moment: datetime) -> Alert:
    return Alert(
        alert_id=name,
        key="freshness/binance",
        rule="freshness",
        scope="binance",
        severity="warning",
        peak_severity="warning",
        state="firing",
        change="fired",
        title=name,
        members=(),
        began_at=moment,
        changed_at=moment,
        sequence=sequence,
    )


def delivery(name: str, moment: datetime) -> AlertDelivery:
    return AlertDelivery(
        message_id=f"{name}-log",
        alert_id=name,
        alert_sequence=1,
        channel="log",
        kind="fired",
        outcome="sent",
        attempt=1,
        changed_at=moment,
        title=name,
        body="",
    )
