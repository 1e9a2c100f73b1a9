"""SQL on the embedded warehouse, and what its files and its catalog tell of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from market_assets.warehouse import faults
from market_assets.warehouse.contract import TableSize
from market_assets.warehouse.parts import Parts
from market_assets.warehouse.sql import CATALOG, LIVE_TABLES

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from market_assets.warehouse.costs import Meter
    from market_assets.warehouse.session import Session


class Asking:
    """The part of the embedded warehouse that answers questions about itself."""

    _session: Session
    _meter: Meter

    def version(self) -> int:
        """A number that is another one after anybody wrote, told by files alone."""
        return self._session.layout.written_at

    def ask(self, sql: str) -> pa.Table:
        """One SELECT of the platform's own: this is the engine whose dialect it is written in.

        On the connection that is open anyway: a sandbox is another one, 70 ms of CPU to open.
        """
        return self._answer(self._session.asking, sql)

    def query(self, sql: str) -> pa.Table:
        """One read-only statement; `raw.x` and `ops.x` need no prefix. Writing is refused."""
        return self._answer(self._session.sandboxed, sql)

    def _answer(
        self, opened: Callable[[str], AbstractContextManager[duckdb.DuckDBPyConnection]], sql: str
    ) -> pa.Table:
        import duckdb

        with opened("Running SQL on the warehouse") as cursor:
            try:
                [statement] = _only_reading(duckdb.extract_statements(sql))
                # An EXPLAIN is what a dry run is on BigQuery: free.
                is_select = statement.type == duckdb.StatementType.SELECT
                issued = [self._meter.checked(cursor, sql)] if is_select else []
                found = cursor.execute(sql).to_arrow_table()
            except (duckdb.IOException, duckdb.FatalException):
                raise  # the store's trouble, not the statement's
            except duckdb.Error as error:
                raise faults.sql_refused(error) from error
        self._meter.note(issued)
        return found

    def parts(self) -> Parts:
        """The tables by parts of time, as copies to another engine take them."""
        return Parts(self._session)

    def tables(self) -> frozenset[str]:
        """Every table and view that is there, as `raw.binance_ohlcv`."""
        found = self.ask("SELECT table_schema, table_name FROM information_schema.tables")
        return frozenset(f"{row['table_schema']}.{row['table_name']}" for row in found.to_pylist())

    def table_sizes(self) -> Mapping[str, TableSize]:
        """`raw.binance_ohlcv` -> its size: the numbers of the mart ops_storage_and_cost.

        Asked of the catalog (10 ms); DuckDB's own list of tables costs 150 ms after every commit.
        """
        counted = (
            f"SELECT table_id, sum({{count}}) AS n, sum(file_size_bytes) AS bytes FROM {CATALOG}."
            "{files} WHERE end_snapshot IS NULL GROUP BY table_id"
        )
        rows = self.ask(
            "SELECT s.schema_name || '.' || t.table_name AS name,"
            " CAST(coalesce(f.n, 0) - coalesce(d.n, 0) AS BIGINT) AS rows,"
            " CAST(coalesce(f.bytes, 0) + coalesce(d.bytes, 0) AS BIGINT) AS bytes"
            f" FROM {LIVE_TABLES}"
            f" LEFT JOIN ({counted.format(count='record_count', files='ducklake_data_file')}) f"
            " ON t.table_id = f.table_id"
            f" LEFT JOIN ({counted.format(count='delete_count', files='ducklake_delete_file')}) d"
            " ON t.table_id = d.table_id",
        )
        return {row["name"]: TableSize(row["rows"], row["bytes"]) for row in rows.to_pylist()}


def _only_reading(statements: Sequence[duckdb.Statement]) -> Sequence[duckdb.Statement]:
    import duckdb

    kinds = [statement.type for statement in statements]
    reading_kinds = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
    if len(kinds) != 1 or kinds[0] not in reading_kinds:
        named = ", ".join(kind.name for kind in kinds) or "nothing"
        raise faults.sql_refused(
            ValueError(f"one SELECT (or DESCRIBE, EXPLAIN) is allowed here, this is: {named}")
        )
    return statements
