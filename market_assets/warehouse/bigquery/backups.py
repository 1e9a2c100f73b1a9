"""Taking backups on BigQuery, and bringing them back: copy jobs, which are free.

Raw and ops tables are copied as of one moment. Marts can be built again; so they are, after a
restore: `ops.builds`, which says that they are, is left out, as are the counters of writers.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from market_assets.errors import CopyDiffers, RequestInvalid, WarehouseDamaged
from market_assets.warehouse.bigquery.ddl import form_of
from market_assets.warehouse.bigquery.jobs import as_label
from market_assets.warehouse.bigquery.literals import string
from market_assets.warehouse.bigquery.names import BACKUPS, Names, quoted
from market_assets.warehouse.bigquery.queries import raw_table_named
from market_assets.warehouse.bigquery.session import Session
from market_assets.warehouse.bigquery.snapshots import Place, Snapshots, whole_ones
from market_assets.warehouse.bigquery.tables import Tables
from market_assets.warehouse.bigquery.writers import WRITERS
from market_assets.warehouse.ddl import StoredTable
from market_assets.warehouse.tables import BUILDS, COMMON_TABLES

if TYPE_CHECKING:
    from market_assets.settings import Settings

_COPIED = ("raw", "ops")
_LEFT_OUT = frozenset(f"{table.schema}.{table.name}" for table in (WRITERS, BUILDS))
_COMMON = {f"{table.schema}.{table.name}": table for table in COMMON_TABLES}
_MILLISECOND = timedelta(milliseconds=1)
_NAMED = 5


class Backups:
    """The backups of one store, and those of others that it is restored from."""

    def __init__(self, settings: Settings, names: Names, session: Session, tables: Tables) -> None:
        self._settings = settings
        self._names = names
        self._session = session
        self._tables = tables

    def take(self) -> Snapshots:
        """A snapshot of each table as of one moment, and the manifest when all are there.

        A transaction commits in all of its tables at once: one moment shows all of it or nothing.
        """
        doing = "Backing up the warehouse on BigQuery"
        with self._session.explaining(doing):
            copied = [name for name in self._tables.stored(_COPIED) if name not in _LEFT_OUT]
            self._tables.make_dataset(BACKUPS)
            moment = self._now()
            place = Place.of(moment, self._names)
            until = moment + timedelta(days=self._settings.bigquery.backup_days)
            labels = {**self._settings.bigquery.labels, "backup": as_label(place.name)}
            rows: dict[str, int] = {}
            for name in copied:
                snapshot = place.snapshot(name)
                self._session.jobs.snapshot(self._tables.path(name), moment, snapshot, until)
                rows[name] = self._tables.label(snapshot, labels).rows
            self._session.jobs.query(_manifest(place, rows, until, labels), "keeping")
        return Snapshots(place, rows)

    def restore(self, given: str, *, force: bool) -> Snapshots:
        """Put the tables of a backup in the place of those that are there.

        Each table is replaced at once, but not all of them at one moment: nobody may be writing.
        Stopped half-way it is done again by the same command, with `force`.
        """
        doing = f"Restoring the warehouse from the backup {given}"
        with self._session.explaining(doing):
            backup = self._found(given, doing)
            held = {
                name: size.rows
                for name, size in self._tables.sizes(_COPIED).items()
                if size.rows and name != f"{WRITERS.schema}.{WRITERS.name}"
            }
            if held and not force:
                raise _refused_overwriting(doing, held)
            known = [table for name in backup.rows if (table := _table_named(name))]
            self._tables.ensure([WRITERS, BUILDS, *known])
            for name in backup.rows:
                source = backup.place.snapshot(name)
                self._session.jobs.restore(source, self._tables.path(name), replace=force)
            # A table of a backup may be older than this version.
            self._tables.bring_up(known)
            for name in held.keys() - backup.rows.keys():
                if _table_named(name) or name in _LEFT_OUT:
                    path = quoted(self._tables.path(name))
                    self._session.jobs.query(f"TRUNCATE TABLE {path}", "keeping")
            # Whoever has read before and did not stop reads again.
            self._session.move_counters(doing)
            self._refuse_other_counts(backup, doing)
        return backup

    # -- inside ----------------------------------------------------------------------------------

    def _now(self) -> datetime:
        """BigQuery's clock, up to the next millisecond: a decorator has no microseconds."""
        exact = self._session.now()
        time.sleep(_MILLISECOND.total_seconds())
        return exact.replace(microsecond=exact.microsecond // 1000 * 1000) + _MILLISECOND

    def _found(self, given: str, doing: str) -> Snapshots:
        """The backup of that name, every table of which is there."""
        place = Place.named(given, self._names)
        dataset = place.dataset if place else Place.of(datetime.now(UTC), self._names).dataset
        listed = self._tables.listed(dataset)
        if place is None or place.manifest.rpartition(".")[2] not in listed:
            raise _unknown(doing, place.name if place else given, dataset, listed)
        asked = self._session.asked(f"SELECT name, n_rows FROM {quoted(place.manifest)}", "read")
        backup = Snapshots(place, {str(name): int(rows) for name, rows in sorted(asked.fetchall())})
        paths = {name: place.snapshot(name).rpartition(".")[2] for name in backup.rows}
        lost = [name for name, table in paths.items() if table not in listed]
        if lost:
            raise WarehouseDamaged(
                doing,
                f"{len(lost)} of {len(paths)} snapshots of {place.path} are not there any more,"
                f" the first is that of {lost[0]}",
                "Nothing was restored. Use another backup.",
            )
        return backup

    def _refuse_other_counts(self, backup: Snapshots, doing: str) -> None:
        found = self._tables.sizes(_COPIED)
        for name, rows in backup.rows.items():
            now = found[name].rows if name in found else 0
            if now != rows and not is_whole(now, rows, self._past_retention(backup, name)):
                raise CopyDiffers(
                    doing,
                    f"{name} has {now} rows after it, and {rows} in the backup",
                    "Stop what writes to the warehouse, then restore again with force.",
                )

    def _past_retention(self, backup: Snapshots, name: str) -> int:
        """Rows of a snapshot that BigQuery may drop as soon as they are restored."""
        table = _table_named(name)
        form = form_of(table, self._settings) if table else None
        if form is None or not form.partitioned_by or form.expires_after_days is None:
            return 0
        # A day is dropped whole, and it may be the end of one now.
        kept_since = datetime.now(UTC) - timedelta(days=form.expires_after_days - 1)
        source = quoted(backup.place.snapshot(name))
        sql = (
            f"SELECT COUNT(*) AS n FROM {source}"
            f" WHERE `{form.partitioned_by}` < {_timestamp(kept_since)}"
        )
        [(rows,)] = self._session.asked(sql, "read").fetchall()
        return int(rows)


def is_whole(found: int, rows: int, past_retention: int) -> bool:
    """Whether a restored table has its rows, but for those that are too old to be kept."""
    return rows - past_retention <= found <= rows


def _table_named(name: str) -> StoredTable | None:
    schema, _, plain = name.partition(".")
    return raw_table_named(plain) if schema == "raw" and name not in _COMMON else _COMMON.get(name)


def _manifest(
    place: Place, rows: Mapping[str, int], until: datetime, labels: Mapping[str, str]
) -> str:
    """One statement makes the table, fills it and has it expire with its snapshots."""
    told = ", ".join(f"({string(name)}, {count})" for name, count in rows.items())
    marked = ", ".join(f"({string(name)}, {string(value)})" for name, value in labels.items())
    said = f"What the backup {place.name} consists of; without this table it is none"
    return (
        f"CREATE TABLE {quoted(place.manifest)} OPTIONS (expiration_timestamp ="
        f" {_timestamp(until)}, description = {string(said)}, labels = [{marked}]) AS"
        f" SELECT r.name AS name, r.n_rows AS n_rows"
        f" FROM UNNEST(ARRAY<STRUCT<name STRING, n_rows INT64>>[{told}]) AS r"
    )


def _timestamp(moment: datetime) -> str:
    return f"TIMESTAMP {string(moment.isoformat(sep=' ', timespec='milliseconds'))}"


def _refused_overwriting(doing: str, held: Mapping[str, int]) -> RequestInvalid:
    named = ", ".join(f"{name} ({rows} rows)" for name, rows in sorted(held.items())[:_NAMED])
    return RequestInvalid(
        doing,
        f"there is data in the warehouse already: {named}",
        "Restore into another bigquery.dataset_prefix, or use force to replace what is there (as"
        " well after a restore that was stopped half-way).",
    )


def _unknown(doing: str, name: str, dataset: str, listed: Mapping[str, object]) -> RequestInvalid:
    begun = sum(table.startswith(f"{name}_") for table in listed)
    problem = (
        f"the backup {name} was never finished: {dataset} has {begun} of its snapshots and no"
        " manifest"
        if begun
        else f"there is no backup {name} in {dataset}"
    )
    there = whole_ones(listed)
    return RequestInvalid(
        doing,
        problem,
        f"Name one of {', '.join(there[:_NAMED])}."
        if there
        else "There is no whole one: take one by `market-assets backup`, or name the dataset that"
        " has one, as in project.market_backups.20261121T033500000Z.",
    )
