"""A batch's frame, as the store takes it: storage types, unique keys, and its bounds as SQL."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from market_assets.schemas import arrow
from market_assets.schemas.datasets import Column, Dataset
from market_assets.warehouse.sql import Connection, identifier, literal

if TYPE_CHECKING:
    import pyarrow as pa

    from market_assets.warehouse.ddl import StoredTable

# More names than this in a predicate cost more than the files they save.
_MOST_NAMES = 100


def as_stored(table: StoredTable, rows: pa.Table) -> pa.Table:
    """The frame in the table's columns and types; times lose their zone, which is UTC."""
    names = [column.name for column in table.columns]
    missing = [name for name in names if name not in rows.column_names]
    if missing:
        raise ValueError(f"{table.schema}.{table.name}: the rows lack {', '.join(missing)}")
    return rows.select(names).cast(table.arrow_schema())


def refuse_duplicates(dataset: Dataset, rows: pa.Table, key: Sequence[str]) -> None:
    """Two rows of one key would make the result depend on their order."""
    keys = arrow.keys(rows, key)
    if len(set(keys)) == len(keys):
        return
    [(repeated, count)] = Counter(keys).most_common(1)
    row = rows.slice(keys.index(repeated), 1).to_pylist()[0]
    named = ", ".join(f"{name}={row[name]}" for name in key)
    raise ValueError(f"{dataset.name}: {count} rows with the key {named}")


def bounds(dataset: Dataset, rows: pa.Table) -> str:
    """A predicate of constants that every stored row with a key of `rows` satisfies.

    Constants, because only they let the lake skip partitions and files.
    """
    columns = {column.name: column for column in dataset.columns}
    parts = [_bound(columns[name], rows) for name in dataset.key if name != "venue"]
    return " AND ".join(parts)


def _bound(column: Column, rows: pa.Table) -> str:
    import pyarrow.compute as pc

    values = rows.column(column.name)
    name = identifier(column.name)
    if column.kind == "string":
        names = pc.unique(values).to_pylist()
        if len(names) <= _MOST_NAMES:
            # Only time decides what can be skipped. Named plainly, each further column has DuckLake
            # ask its catalog for statistics, which costs 15 ms of CPU and skips nothing.
            return f"concat({name}) IN ({', '.join(map(literal, names))})"
    low_high = pc.min_max(values).as_py()
    low, high = (literal(str(low_high[end])) for end in ("min", "max"))
    kind = "TIMESTAMP " if column.kind == "timestamp" else ""
    return f"{name} BETWEEN {kind}{low} AND {kind}{high}"


@contextlib.contextmanager
def registered(connection: Connection, name: str, rows: pa.Table) -> Iterator[None]:
    """Let SQL see an arrow table under a name.

    By way of a Parquet file, which takes 5 ms: to look at arrow's memory DuckDB imports
    pyarrow.dataset, and that imports pandas, which costs every run 0.4 s of CPU and 50 MB.
    """
    import duckdb
    from pyarrow import parquet

    own = getattr(connection, "registered", None)
    if own is not None:
        # An engine across the network has its own way of taking rows along.
        with own(name, rows):
            yield
        return
    with tempfile.TemporaryDirectory(prefix="market-assets-") as folder:
        file = Path(folder, "rows.parquet")
        parquet.write_table(rows, file, compression="none")
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {name} AS"
            f" SELECT * FROM read_parquet({literal(str(file))})"
        )
        try:
            yield
        finally:
            # After an error the transaction is dead and takes no more statements; it rolls this
            # back.
            with contextlib.suppress(duckdb.Error):
                connection.execute(f"DROP VIEW temp.{name}")
