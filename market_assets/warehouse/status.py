"""What is stored and what is absent, by day: the numbers behind `market-assets status`."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from market_assets.schemas.timeline import INTERVALS, Window
from market_assets.warehouse.ddl import dataset_of, stored_columns
from market_assets.warehouse.sql import LAKE, Connection, identifier, literal, moment
from market_assets.warehouse.tables import GAPS

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

GAP_REASONS = ("no_trade", "venue_outage", "not_listed", "missing")


def coverage_by_day(
    connection: duckdb.DuckDBPyConnection,
    *,
    venues: Collection[str] = (),
    datasets: Collection[str] = (),
    window: Window | None = None,
) -> pa.Table:
    """`by_day_of` the tables that the lake has."""
    tables = [table for schema, table in sorted(stored_columns(connection)) if schema == "raw"]
    return by_day_of(connection, tables, venues=venues, datasets=datasets, window=window)


def by_day_of(
    connection: Connection,
    tables: Collection[str],
    *,
    venues: Collection[str] = (),
    datasets: Collection[str] = (),
    window: Window | None = None,
) -> pa.Table:
    """One row for venue, dataset, interval, symbol and day: rows stored, gaps by reason.

    Gaps are counted in candles; without an interval each absent span counts once on each of its
    days. Days on which nothing is known have no row.
    """
    reasons = ", ".join(
        f"CAST(coalesce(sum(amount) FILTER (what = {literal(reason)}), 0) AS BIGINT) AS {reason}"
        for reason in GAP_REASONS
    )
    found = " UNION ALL ".join(
        [_gap_days(venues, datasets, window), *_row_days(tables, venues, datasets, window)]
    )
    return connection.execute(
        'SELECT venue, dataset, "interval", symbol, day,'
        " CAST(coalesce(sum(amount) FILTER (what = 'rows'), 0) AS BIGINT) AS rows,"
        f" {reasons} FROM ({found}) GROUP BY ALL"
        ' ORDER BY venue, dataset, "interval", symbol, day'
    ).to_arrow_table()


def _row_days(
    tables: Collection[str],
    venues: Collection[str],
    datasets: Collection[str],
    window: Window | None,
) -> list[str]:
    queries = []
    for table in tables:
        dataset = dataset_of(table)
        if dataset is None or "timestamp" not in dataset.column_names:
            continue
        venue = table.removesuffix(f"_{dataset.name}")
        if (venues and venue not in venues) or (datasets and dataset.name not in datasets):
            continue
        interval = '"interval"' if "interval" in dataset.column_names else "''"
        within = "true"
        if window is not None:
            within = f'"timestamp" >= {moment(window.start)} AND "timestamp" < {moment(window.end)}'
        queries.append(
            f"SELECT {literal(venue)} AS venue, {literal(dataset.name)} AS dataset,"
            f' {interval} AS "interval", symbol, CAST("timestamp" AS DATE) AS day,'
            f" 'rows' AS what, count(*) AS amount"
            f" FROM {LAKE}.raw.{identifier(table)} WHERE {within} GROUP BY ALL"
        )
    return queries


def _gap_days(venues: Collection[str], datasets: Collection[str], window: Window | None) -> str:
    start, end = "gap_start", "gap_end"
    parts = ["true"]
    if venues:
        parts.append(f"venue IN ({', '.join(map(literal, venues))})")
    if datasets:
        parts.append(f"dataset IN ({', '.join(map(literal, datasets))})")
    if window is not None:
        low, high = moment(window.start), moment(window.end)
        parts.append(f"gap_start < {high} AND gap_end > {low}")
        start, end = f"greatest(gap_start, {low})", f"least(gap_end, {high})"
    step = " ".join(f"WHEN {literal(name)} THEN {ms}" for name, ms in INTERVALS.items())
    # Aligned open times before a moment: ceil(ms / step); the difference is what lies between.
    candles = (
        "CASE WHEN step IS NULL THEN 1 ELSE"
        " CAST(ceil(epoch_ms(least(g.b, day + INTERVAL 1 DAY)) / step)"
        " - ceil(epoch_ms(greatest(g.a, day)) / step) AS BIGINT) END"
    )
    return (
        f'SELECT venue, dataset, "interval", symbol, CAST(day AS DATE) AS day,'
        f" reason AS what, {candles} AS amount"
        f' FROM (SELECT venue, dataset, "interval", symbol, reason, {start} AS a, {end} AS b,'
        f' CASE "interval" {step} END AS step,'
        f" unnest(generate_series(date_trunc('day', {start}),"
        f" {end} - INTERVAL 1 MICROSECOND, INTERVAL 1 DAY)) AS day"
        f" FROM {GAPS.qualified} WHERE {' AND '.join(parts)}) g"
    )
