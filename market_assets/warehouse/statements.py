"""Which BigQuery statements each operation of the contract is: what the bill is estimated from.

Rows are written by a load into a staging table, which is free, and a MERGE from there with constant
days. Logs that only grow are loaded straight in. Nothing is pruned but by day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from market_assets.schemas.datasets import DATASETS, Dataset
from market_assets.schemas.timeline import DAY_MS, Window, to_ms
from market_assets.warehouse.ddl import StoredTable
from market_assets.warehouse.estimate import STRING_OVERHEAD, WIDTHS, Scan, Statement
from market_assets.warehouse.rows import logged
from market_assets.warehouse.tables import (
    CHECK_RESULTS,
    COVERAGE,
    GAPS,
    QUARANTINE,
    REPAIRS,
    REVISIONS,
)
from market_assets.warehouse.watch_tables import BUDGET_RELEASES

if TYPE_CHECKING:
    import pyarrow as pa

    from market_assets.warehouse.contract import Batch

_SERIES = ("venue", "dataset", "interval", "symbol")
_REPLACED = ("run_id", "ingestion_time")


def commit(batch: Batch) -> list[Statement]:
    """A load of everything, then a MERGE for each table whose rows may be replaced."""
    asset = f"raw.{batch.venue}_{batch.dataset.name}"
    found = [_load("load")]
    if batch.rows.num_rows:
        first, last = _days_of(batch.rows)
        dataset = batch.dataset
        read = tuple(
            name
            for name in dict.fromkeys((*dataset.key, *logged(dataset), *_REPLACED))
            if name in dataset.column_names
        )
        found.append(
            merge("commit", Scan(asset, read, first, last, rewrites=True), table_bytes(batch.rows))
        )
    if batch.series:
        spans = len(batch.series)
        found += [
            merge("commit", Scan(_name(table), columns, rewrites=True), spans * width)
            for table, columns, width in (
                (COVERAGE, (*_SERIES, "window_start", "window_end"), 64),
                (GAPS, (*_SERIES, "gap_start", "gap_end", "reason", "evidence"), 128),
            )
        ]
    if batch.quarantined:
        size = sum(len(row.payload) + 128 for row in batch.quarantined)
        found.append(merge("commit", _quarantine("quarantine_id", rewrites=True), size))
    if batch.decisions:
        found.append(Statement("commit", (_quarantine("quarantine_id", rewrites=True),)))
    return [_for(statement, asset, batch.run_id) for statement in found]


def merge(label: str, target: Scan, staged: int) -> Statement:
    return Statement(label, (target,), (staged,))


def load(*_: Any, **__: Any) -> list[Statement]:
    """A log that only grows: a load job, which is free."""
    return [_load("load")]


def copy(*_: Any, **__: Any) -> list[Statement]:
    """Backups and restores are copy jobs, and partitions expire by themselves: free."""
    return [_load("keeping")]


def decide(decisions: Sequence[Any]) -> list[Statement]:
    found = Scan(_name(QUARANTINE), ("quarantine_id", "status"), rewrites=True)
    return [Statement("decide", (found,))] if decisions else []


def covered(venue: str, dataset: Dataset, *_: Any, **__: Any) -> list[Statement]:
    columns = (*_SERIES, "window_start", "window_end")
    return [_for(Statement("covered", (Scan(_name(COVERAGE), columns),)), _raw(venue, dataset))]


def gaps(venue: str, dataset: Dataset, *_: Any, **__: Any) -> list[Statement]:
    columns = (*_SERIES, "gap_start", "gap_end", "reason", "evidence")
    return [_for(Statement("gaps", (Scan(_name(GAPS), columns),)), _raw(venue, dataset))]


def read(
    venue: str, dataset: Dataset, *_: Any, window: Window | None = None, **__: Any
) -> list[Statement]:
    return [Statement("read", (_rows(venue, dataset, window),), asset=_raw(venue, dataset))]


def read_as_of(
    venue: str, dataset: Dataset, *_: Any, window: Window | None = None, **__: Any
) -> list[Statement]:
    """The rows, and the log of corrections from any day on."""
    scans = (_rows(venue, dataset, window), Scan(_name(REVISIONS)))
    return [Statement("read", scans, asset=_raw(venue, dataset))]


def quarantined(*_: Any, **__: Any) -> list[Statement]:
    return [Statement("quarantine", (Scan(_name(QUARANTINE)),))]


def accepted(venue: str, dataset: Dataset, *_: Any, **__: Any) -> list[Statement]:
    return [_for(Statement("quarantine", (Scan(_name(QUARANTINE)),)), _raw(venue, dataset))]


def changes(since: datetime) -> list[Statement]:
    columns = ("dataset", "first_at", "last_at", "changed_at")
    return [Statement("changes", (_log("ops.changes", columns, since),))]


def builds(since: datetime) -> list[Statement]:
    columns = ("model", "first_day", "last_day", "built_from")
    return [Statement("changes", (_log("ops.builds", columns, since),))]


def check_results(since: datetime) -> list[Statement]:
    columns = tuple(column.name for column in CHECK_RESULTS.columns)
    return [Statement("checks", (_log(_name(CHECK_RESULTS), columns, since),))]


def spent(since: datetime) -> list[Statement]:
    columns = ("issued_at", "label", "asset", "bytes_processed", "bytes_billed", "dollars")
    return [Statement("costs", (_log("ops.query_costs", columns, since),))]


def released(_: date) -> list[Statement]:
    return [Statement("costs", (Scan(_name(BUDGET_RELEASES)),))]


def missing() -> list[Statement]:
    columns = (*_SERIES, "gap_start", "gap_end", "reason", "evidence")
    return [Statement("missing", (Scan(_name(GAPS), columns),))]


def repairs() -> list[Statement]:
    return [Statement("missing", (Scan(_name(REPAIRS)),))]


def coverage_by_day(
    *, venues: Iterable[str] = (), datasets: Iterable[str] = (), window: Window | None = None
) -> list[Statement]:
    wanted = [DATASETS[name] for name in (tuple(datasets) or DATASETS) if name in DATASETS]
    scans = [Scan(_name(GAPS), (*_SERIES, "gap_start", "gap_end", "reason"))]
    for dataset in wanted:
        if "timestamp" in dataset.column_names:
            columns = tuple(
                name for name in ("symbol", "interval", "timestamp") if name in dataset.column_names
            )
            scans += [
                Scan(f"raw.{venue}_{dataset.name}", columns, *_days(window))
                for venue in (tuple(venues) or ("*",))
            ]
    return [Statement("status", tuple(scans))]


def table_bytes(rows: pa.Table) -> int:
    """What an arrow table is on BigQuery, to the byte."""
    import pyarrow as pa
    import pyarrow.compute as pc

    size = 0
    for name in rows.column_names:
        column = rows.column(name)
        if pa.types.is_string(column.type):
            text = pc.sum(pc.binary_length(column)).as_py() or 0
            size += text + STRING_OVERHEAD * (len(column) - column.null_count)
        else:
            width = WIDTHS["boolean" if pa.types.is_boolean(column.type) else "float"]
            size += width * (len(column) - column.null_count)
    return int(size)


def epoch_day(ms: int) -> int:
    return ms // DAY_MS


def _days_of(rows: pa.Table) -> tuple[int | None, int | None]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if "timestamp" not in rows.column_names:
        return None, None
    # As numbers: to tell a time with its zone pyarrow imports pandas.
    found = pc.min_max(rows.column("timestamp").cast(pa.int64())).as_py()
    return epoch_day(found["min"] // 1000), epoch_day(found["max"] // 1000)


def _rows(venue: str, dataset: Dataset, window: Window | None) -> Scan:
    days = _days(window) if "timestamp" in dataset.column_names else (None, None)
    return Scan(_raw(venue, dataset), tuple(dataset.column_names), *days)


def _days(window: Window | None) -> tuple[int | None, int | None]:
    if window is None:
        return None, None
    return epoch_day(window.start), epoch_day(max(window.start, window.end - 1))


def _log(table: str, columns: tuple[str, ...], since: datetime) -> Scan:
    moment = since if since.tzinfo else since.replace(tzinfo=UTC)
    return Scan(table, columns, epoch_day(to_ms(moment)))


def _quarantine(*columns: str, rewrites: bool) -> Scan:
    return Scan(_name(QUARANTINE), columns, rewrites=rewrites)


def _load(label: str) -> Statement:
    return Statement(label)


def _name(table: StoredTable) -> str:
    return f"{table.schema}.{table.name}"


def _raw(venue: str, dataset: Dataset) -> str:
    return f"raw.{venue}_{dataset.name}"


def _for(statement: Statement, asset: str, run_id: str = "") -> Statement:
    return Statement(statement.label, statement.scans, statement.staged, asset, run_id)
