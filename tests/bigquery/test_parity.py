"""The same raw rows give the same marts on BigQuery and in the embedded warehouse.

BigQuery's are built in two runs: everything, and then two days after a correction and the loss of a
day's settlements. The embedded ones are built once, from what is there at the end. So what agrees
here agrees between engines, and between a run of days and a whole build.

The emulator translates GoogleSQL to DuckDB, so both are DuckDB below. What GoogleSQL itself makes
of the same text, Google's reference implementation of the language tells.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from emulator_support import EmulatedBigQuery, RunningEmulator

sys.path.insert(0, str(Path(__file__).parents[1] / "marts"))

from marts_support import MartsLab
from parity_lab import CORRECTED, copy_rows, correct, fill, on_bigquery
from reference_support import answers

from market_assets.marts.build import build
from market_assets.marts.project import SOURCE
from market_assets.settings import Settings
from market_assets.simulator.process import RunningSimulator

pytestmark = [
    pytest.mark.xdist_group("bigquery_marts"),
    pytest.mark.slow,
    pytest.mark.timeout(2400),
]

TOLERANCE = 1e-9
MARTS = {file.stem: file.parent.name for file in SOURCE.glob("models/marts/**/*.sql")}
BY_DAYS = {
    name: file
    for file in SOURCE.glob("models/marts/**/*.sql")
    if "materialized='view'" not in file.read_text()
    for name in [file.stem]
}
NOW = "told at the moment of asking"
OWN = "each engine stores in its own way"
LEFT_OUT = {
    "ops_freshness": {"data_age_minutes": NOW, "ingestion_age_minutes": NOW},
    "ops_storage_and_cost": {
        "file_count": OWN,
        "bytes": OWN,
        "bytes_per_row": OWN,
        "storage_dollars_per_month": OWN,
        "full_scan_dollars": OWN,
    },
}
# The counter of BigQuery's writers; the embedded store has a lock.
ONE_SIDED = {"ops_storage_and_cost": {("ops", "writers")}}
# The reference implementation takes minutes for these; the other tests hold for them. The last asks
# the catalogue of a region, which it does not have.
TOO_SLOW = {"features_hourly", "anomalies_hourly", "latest_stats", "ops_storage_and_cost"}
# What makes a row of any mart one of a kind.
KEYS = (
    "date", "timestamp", "venue", "symbol", "interval", "strategy", "portfolio", "other_symbol",
    "side", "leverage", "dataset", "endpoint", "label", "asset", "strategy_id", "execution_id",
    "valid_from", "schema_name", "table_name",
)  # fmt: skip
Rows = dict[tuple[str, ...], dict[str, Any]]


@dataclass(frozen=True)
class Both:
    lab: MartsLab
    settings: Settings
    place: EmulatedBigQuery
    # mart -> the SELECT that dbt made of it: for two days, or for all where it is a view.
    queries: dict[str, str]
    # What ops.query_costs said after the builds: asset -> bytes billed.
    billed: dict[str, int]

    def embedded(self, mart: str) -> pa.Table:
        return self.lab.store.query(f"SELECT * FROM marts.{mart}")

    def on_bigquery(self, mart: str) -> pa.Table:
        client = self.place.client()
        stored = f"SELECT * FROM {self.place.prefix}marts.{mart}"
        # In a view the emulator's catalogue stands still as it was when the view was made.
        sql = self.queries[mart] if mart == "ops_storage_and_cost" else stored
        try:
            return client.query_and_wait(sql).to_arrow(create_bqstorage_client=False)
        finally:
            client.close()


@pytest.fixture(scope="module")
def both(
    running_exchange: RunningSimulator,
    bigquery_emulator: RunningEmulator,
    shared_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Both]:
    lab = MartsLab(tmp_path_factory.mktemp("parity"), running_exchange)
    lab.take_parsed(shared_folder)
    place = bigquery_emulator.place("parity")
    settings = on_bigquery(lab, place)
    there: dict[str, pa.Table] = {}
    fill(lab)
    copy_rows(lab, settings, place, there)
    whole = build(settings, tests=False)
    correct(lab)
    # The last day without a settlement of anybody: its partition has to lose its rows.
    for venue in ("binance", "okx"):
        lab.write(
            f"DELETE FROM lake.raw.{venue}_funding_rates"
            " WHERE CAST(timestamp AS DATE) = DATE '2026-03-09'"
        )
    copy_rows(lab, settings, place, there)
    days = build(
        settings,
        first=date.fromisoformat(CORRECTED),
        last=date(2026, 3, 9),
        select=["config.materialized:incremental", "mv_hourly_ohlcv"],
        tests=False,
    )
    billed = place.rows(
        f"SELECT asset, SUM(bytes_billed) FROM {place.prefix}ops.query_costs"
        " WHERE label = 'mart' AND run_id = 'cli' GROUP BY asset"
    )
    lab.build()
    # Building left notes of what it cost, in each engine its own: views read them as they are.
    copy_rows(lab, settings, place, there)
    queries = {result.name: result.sql for result in (*whole, *days)}
    yield Both(lab, settings, place, queries, dict(billed))
    lab.close()


def plain(value: Any) -> Any:
    """Times without a zone: both are UTC."""
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


def rows_of(table: pa.Table) -> Rows:
    rows = [{name: plain(value) for name, value in row.items()} for row in table.to_pylist()]
    keyed = {tuple(str(row[key]) for key in KEYS if key in row): row for row in rows}
    assert len(keyed) == len(rows)
    return keyed


def differ(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return not math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=0.0)
    return type(one) is not type(other) or one != other


@pytest.mark.parametrize(
    ("view", "setting", "reads"),
    [("latest_stats", "latest_days", 2), ("ops_completeness", "completeness_days", 1)],
)
def test_a_view_of_the_last_days_bounds_its_partitions_by_a_constant_of_the_query(
    both: Both, view: str, setting: str, reads: int
) -> None:
    """BigQuery prunes by nothing that it must read first."""
    days = getattr(both.settings.marts, setting) + 1
    bound = f"timestamp >= timestamp_sub(current_timestamp(), interval {days} day)"
    assert " ".join(both.queries[view].split()).count(bound) == reads


@pytest.mark.parametrize("mart", sorted(MARTS))
def test_a_mart_is_the_same_in_both_engines(both: Both, mart: str) -> None:
    embedded, found = both.embedded(mart), both.on_bigquery(mart)
    assert set(embedded.column_names) == set(found.column_names)
    wanted, given = rows_of(embedded), rows_of(found)
    assert wanted
    assert given.keys() ^ wanted.keys() == ONE_SIDED.get(mart, set())
    compared = [name for name in embedded.column_names if name not in LEFT_OUT.get(mart, {})]
    different = {
        name: (key, row[name], given[key][name])
        for key, row in wanted.items()
        if key in given
        for name in compared
        if differ(row[name], given[key][name])
    }
    assert different == {}


def test_googles_own_implementation_computes_the_same_marts(both: Both, tmp_path: Path) -> None:
    """The same text over the same rows, and no DuckDB below."""
    queries = {name: both.queries[name] for name in MARTS if name not in TOO_SLOW}
    found = answers(
        queries,
        both.place,
        lambda schema, table: both.lab.store.query(f'SELECT * FROM {schema}."{table}"'),
        tmp_path,
    )
    different = {}
    for mart, answer in found.items():
        given = rows_of(answer)
        wanted = rows_of(both.embedded(mart))
        if mart in BY_DAYS:
            wanted = {key: row for key, row in wanted.items() if key[0][:10] >= CORRECTED}
        assert given.keys() == wanted.keys(), mart
        for key, row in wanted.items():
            for name, value in row.items():
                if name not in LEFT_OUT.get(mart, {}) and differ(value, given[key][name]):
                    different[f"{mart}.{name}"] = (key, value, given[key][name])
    assert different == {}


def test_what_is_compared_has_values_in_every_column(both: Both) -> None:
    """Six weeks are enough for every window; a column of nothing would prove nothing."""
    empty = set()
    for mart in MARTS:
        table = both.embedded(mart)
        for column in table.column_names:
            if table[column].null_count == table.num_rows:
                empty.add(f"{mart}.{column}")
    # No instrument has changed, and no rate was corrected.
    assert empty == {"instruments.valid_to", "ops_corrections.largest_rate_change"}


def test_a_day_that_lost_its_last_row_is_empty_after_its_run(both: Both) -> None:
    days = {row["timestamp"].date() for row in both.on_bigquery("funding_rates").to_pylist()}
    assert max(days) == date(2026, 3, 8)


@pytest.mark.parametrize("mart", sorted(BY_DAYS))
def test_a_mart_of_days_is_laid_out_as_configured(both: Both, mart: str) -> None:
    client = both.place.client()
    table = client.get_table(f"{both.place.project}.{both.place.prefix}marts.{mart}")
    client.close()
    time = "date" if "event_time='date'" in BY_DAYS[mart].read_text() else "timestamp"
    assert (table.time_partitioning.type_, table.time_partitioning.field) == ("DAY", time)
    assert table.time_partitioning.expiration_ms == 730 * 86_400_000
    assert table.clustering_fields
    assert table.labels == {"app": "market-assets", "folder": MARTS[mart]}
    assert table.description
    assert all(field.description for field in table.schema)


def test_a_run_of_days_replaces_them_in_one_statement_with_constant_bounds(both: Both) -> None:
    """Bounds that are literals prune; the job carries the words that the bill is told by."""
    client = both.place.client()
    merges = [
        job
        for job in client.list_jobs(all_users=True, max_results=2000)
        if job.job_type == "query" and "merge into" in job.query and both.place.prefix in job.query
    ]
    client.close()
    assert len(merges) == len(BY_DAYS)
    for job in merges:
        bounds = job.query.split("when not matched by source")[1].split("then delete")[0]
        assert f">= '{CORRECTED}'" in bounds
        assert "< '2026-03-10'" in bounds
        assert job.labels["app"] == "market-assets"
        assert job.labels["label"] == "mart"
    assert {job.labels["asset"] for job in merges} == {f"marts_{name}" for name in BY_DAYS}


def test_what_dbt_was_billed_is_kept_by_mart(both: Both) -> None:
    """dbt's jobs pass the platform by: it asks for them by the label of the run."""
    assert {name for name in BY_DAYS if both.billed[f"marts.{name}"] > 0} == set(BY_DAYS)


def test_the_materialised_view_is_the_candles_of_each_hour(both: Both) -> None:
    candles = both.on_bigquery("ohlcv").to_pylist()
    hours = both.on_bigquery("mv_hourly_ohlcv").to_pylist()
    named = ("symbol", "venue", "interval", "open", "high", "low", "close", "volume")
    assert sorted((row["hour"], *(row[name] for name in named)) for row in hours) == sorted(
        (row["timestamp"], *(row[name] for name in named)) for row in candles
    )
    client = both.place.client()
    view = client.get_table(f"{both.place.project}.{both.place.prefix}marts.mv_hourly_ohlcv")
    client.close()
    assert view.table_type == "MATERIALIZED_VIEW"


def test_the_profile_needs_no_path_of_an_installation() -> None:
    assert "MARKET_ASSETS_" not in Path(SOURCE / "profiles.yml").read_text()
