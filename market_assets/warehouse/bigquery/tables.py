"""Making the datasets and tables that are missing, and bringing old ones up to date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from market_assets.warehouse.bigquery.client import Link, patience
from market_assets.warehouse.bigquery.ddl import (
    FORM,
    brought_up,
    client_dataset,
    client_table,
    form_of,
)
from market_assets.warehouse.bigquery.literals import string
from market_assets.warehouse.bigquery.names import BACKUPS, LOADS, SCHEMAS, Names
from market_assets.warehouse.bigquery.session import Session
from market_assets.warehouse.bigquery.writers import EVERYBODY, WRITERS
from market_assets.warehouse.contract import TableSize
from market_assets.warehouse.ddl import StoredTable

if TYPE_CHECKING:
    from google.cloud.bigquery.table import TableListItem

    from market_assets.settings import Settings

# Loads are read by the transaction that follows at once; a day is for looking into what failed.
_LOADS_LIVE_DAYS = 1


class Tables:
    """What is there by BigQuery's own metadata: asking it is free."""

    def __init__(self, settings: Settings, link: Link, names: Names, session: Session) -> None:
        self._settings = settings
        self._link = link
        self._names = names
        self._session = session
        self._retry = patience(settings.bigquery)

    def ensure(self, wanted: Sequence[StoredTable]) -> None:
        """Make what is missing; cheap when nothing is."""
        known = self._listed(sorted({table.schema for table in wanted}))
        made = False
        for table in wanted:
            form = form_of(table, self._settings)
            found = known.get((table.schema, table.name))
            if found is not None and found.labels.get(FORM) == form.digest():
                continue
            client = self._link.connected()
            if found is None:
                client.create_table(
                    client_table(table, form, self._names), exists_ok=True, retry=self._retry
                )
                made = True
            else:
                self.bring_up([table])
        if made:
            self._count_writers(wanted)

    def bring_up(self, wanted: Sequence[StoredTable]) -> None:
        """Give tables that are there what they lack of this version's form."""
        client = self._link.connected()
        for table in wanted:
            old = client.get_table(self._names.table(table.schema, table.name), retry=self._retry)
            changed = brought_up(old, form_of(table, self._settings))
            client.update_table(old, changed, retry=self._retry)

    def path(self, name: str) -> str:
        """`raw.binance_ohlcv` as the client's methods take it."""
        schema, _, plain = name.partition(".")
        return self._names.table(schema, plain)

    def is_there(self) -> bool:
        """Whether anybody has ever made the store, asked without making anything."""
        return self._items("ops") is not None

    def names(self) -> frozenset[str]:
        """Every table and view, as `raw.binance_ohlcv`."""
        return frozenset(
            f"{schema}.{item.table_id}" for schema in SCHEMAS for item in self._items(schema) or ()
        )

    def stored(self, schemas: Iterable[str]) -> list[str]:
        """The tables (no view) of some schemas, as `raw.binance_ohlcv`."""
        return sorted(
            f"{schema}.{item.table_id}"
            for schema in schemas
            for item in self._items(schema) or ()
            if item.table_type == "TABLE"
        )

    def listed(self, dataset: str) -> Mapping[str, TableListItem]:
        """Everything in a dataset, whose it may be; nothing where there is none."""
        return {item.table_id: item for item in self._in(dataset) or ()}

    def label(self, table: str, labels: Mapping[str, str]) -> TableSize:
        """Put labels on a table, by its whole name; what it holds."""
        from google.cloud import bigquery

        given = bigquery.Table(table)
        given.labels = dict(labels)
        client = self._link.connected()
        found = client.update_table(given, ["labels"], retry=self._retry)
        return TableSize(int(found.num_rows or 0), int(found.num_bytes or 0))

    def make_dataset(self, schema: str) -> None:
        """Make a dataset that is not there: an older version made none of that name."""
        if self._items(schema) is None:
            made = client_dataset(schema, self._names, self._settings, days=None)
            self._link.connected().create_dataset(made, exists_ok=True, retry=self._retry)

    def sizes(self, schemas: Iterable[str] = SCHEMAS) -> Mapping[str, TableSize]:
        """Rows and bytes of each table (no view), as BigQuery counts them."""
        client = self._link.connected()
        sizes: dict[str, TableSize] = {}
        for schema in schemas:
            for item in self._items(schema) or ():
                if item.table_type == "TABLE":
                    found = client.get_table(item.reference, retry=self._retry)
                    sizes[f"{schema}.{item.table_id}"] = TableSize(
                        int(found.num_rows or 0), int(found.num_bytes or 0)
                    )
        return sizes

    def written_at(self, tables: Iterable[StoredTable]) -> int:
        """A number that is another one after one of these was written to; 0 before the first.

        Microseconds since 1970, and the rows: times of change are told in whole milliseconds.
        """
        from google.api_core.exceptions import NotFound

        client = self._link.connected()
        newest = rows = 0
        for table in tables:
            try:
                found = client.get_table(
                    self._names.table(table.schema, table.name), retry=self._retry
                )
            except NotFound:
                continue
            rows += int(found.num_rows or 0)
            if found.modified is not None:
                newest = max(newest, int(found.modified.timestamp() * 1_000_000))
        return newest + rows if newest else 0

    def drop_loads(self) -> int:
        """Remove loads that a process which died has left; younger ones may be in use."""
        client = self._link.connected()
        dropped = 0
        for item in self._items(LOADS) or ():
            if item.expires is not None and not _is_young(item):
                client.delete_table(item.reference, not_found_ok=True, retry=self._retry)
                dropped += 1
        return dropped

    def _listed(self, schemas: Sequence[str]) -> dict[tuple[str, str], TableListItem]:
        listed: dict[tuple[str, str], TableListItem] = {}
        for schema in schemas:
            items = self._items(schema)
            if items is None:
                self._make_datasets()
                items = []
            listed |= {(schema, item.table_id): item for item in items}
        return listed

    def _items(self, schema: str) -> list[TableListItem] | None:
        return self._in(f"{self._names.project}.{self._names.dataset(schema)}")

    def _in(self, dataset: str) -> list[TableListItem] | None:
        from google.api_core.exceptions import NotFound

        client = self._link.connected()
        try:
            return list(client.list_tables(dataset, retry=self._retry))
        except NotFound:
            return None

    def _make_datasets(self) -> None:
        client = self._link.connected()
        for schema in (*SCHEMAS, LOADS, BACKUPS):
            days = _LOADS_LIVE_DAYS if schema == LOADS else None
            made = client_dataset(schema, self._names, self._settings, days=days)
            client.create_dataset(made, exists_ok=True, retry=self._retry)

    def _count_writers(self, tables: Sequence[StoredTable]) -> None:
        """A counter for each raw table. Made twice by two at once they do no harm."""
        scopes = [f"raw.{table.name}" for table in tables if table.schema == "raw"]
        told = ", ".join(string(scope) for scope in (EVERYBODY, *scopes))
        writers = self._names.sql(WRITERS)
        sql = (
            f"INSERT INTO {writers} (scope, writes, written_at)"
            f" SELECT scope, 0, CURRENT_TIMESTAMP() FROM UNNEST([{told}]) AS scope"
            f" WHERE scope NOT IN (SELECT scope FROM {writers})"
        )
        self._session.jobs.query(sql, "ensure")


def _is_young(item: TableListItem) -> bool:
    from datetime import UTC, datetime, timedelta

    return bool(item.created and datetime.now(UTC) - item.created < timedelta(hours=6))
