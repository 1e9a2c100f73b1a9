"""SQL on the store on BigQuery, and what its metadata tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from market_assets.warehouse.bigquery import queries
from market_assets.warehouse.bigquery.ddl import form_of
from market_assets.warehouse.bigquery.session import Session
from market_assets.warehouse.bigquery.tables import Tables
from market_assets.warehouse.bigquery.writers import WRITERS
from market_assets.warehouse.contract import TableSize
from market_assets.warehouse.estimate import Cost, Prices
from market_assets.warehouse.parts import Parts, kept_since
from market_assets.warehouse.tables import COMMON_TABLES

if TYPE_CHECKING:
    import pyarrow as pa

    from market_assets.settings import Settings


class Asking:
    """The part of the store on BigQuery that answers questions about itself."""

    _settings: Settings
    _session: Session
    _tables: Tables
    _prices: Prices

    def ask(self, sql: str) -> pa.Table:
        """One SELECT of the platform's own, in DuckDB's dialect."""
        with self._session.reading("Asking the warehouse", "query") as cursor:
            return cursor.execute(sql).to_arrow_table()

    def query(self, sql: str) -> pa.Table:
        """One SELECT of somebody else, in GoogleSQL; what it would bill is looked at before."""
        return queries.run(self._session, sql, self._prices)

    def estimate(self, sql: str) -> Cost:
        """What a SELECT in GoogleSQL would cost, by a dry run, which is free."""
        return queries.estimate(self._session, sql, self._prices)

    def parts(self) -> Parts:
        """The tables by parts of time, as copies to another engine take them."""
        return Parts(
            self._session,
            lambda table, now: kept_since(form_of(table, self._settings).expires_after_days, now),
        )

    def tables(self) -> frozenset[str]:
        """Every table and view that is there, as `raw.binance_ohlcv`."""
        with self._session.explaining("Listing the tables"):
            return self._tables.names()

    def table_sizes(self) -> Mapping[str, TableSize]:
        """The tables (no views) with their rows and stored bytes; costs no query."""
        with self._session.explaining("Measuring the tables"):
            return self._tables.sizes()

    def logical_bytes(self) -> int:
        """What keeping the rows is billed by."""
        return sum(size.bytes for size in self.table_sizes().values())

    def version(self) -> int:
        """A number that is another one after anybody wrote; 0 before the first. Costs no query."""
        with self._session.explaining("Looking when the warehouse was written to"):
            return self._tables.written_at([WRITERS, *COMMON_TABLES])
