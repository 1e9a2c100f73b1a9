"""The tables as BigQuery has them: partitions, clustering, expiry, descriptions, labels, modes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from market_assets.schemas.datasets import Column
from market_assets.warehouse.bigquery.jobs import as_label
from market_assets.warehouse.bigquery.literals import SQL_TYPES
from market_assets.warehouse.bigquery.names import Names
from market_assets.warehouse.ddl import StoredTable, dataset_of
from market_assets.warehouse.table_facts import partition_column

if TYPE_CHECKING:
    from google.cloud.bigquery import Dataset, SchemaField, Table

    from market_assets.settings import Settings

DAY_MS = 24 * 3600 * 1000
# A label by which a listing tells (free) whether a table is as this version makes it.
FORM = "form"
# Four columns at most; the first prunes best. https://cloud.google.com/bigquery/docs/clustered-tables
_CLUSTERED_BY = ("symbol", "venue", "dataset", "interval")
# The newest of these says how things stand, however old it is: maintenance forgets the rest.
_KEPT = ("ops.alerts", "ops.alert_deliveries")


@dataclass(frozen=True, slots=True)
class Form:
    """What a table has to be, but for its name."""

    description: str
    columns: tuple[Column, ...]
    partitioned_by: str | None
    by_hour: bool
    expires_after_days: int | None
    clustered_by: tuple[str, ...]
    filter_required: bool
    labels: Mapping[str, str]
    kms_key: str | None

    @property
    def granularity(self) -> str:
        return "HOUR" if self.by_hour else "DAY"

    @property
    def expiration_ms(self) -> int | None:
        return None if self.expires_after_days is None else self.expires_after_days * DAY_MS

    def digest(self) -> str:
        """The same for the same form; a table that carries another is brought up to it."""
        told = {
            "columns": [(c.name, c.kind, c.nullable, c.description) for c in self.columns],
            "rest": [
                self.description,
                self.partitioned_by,
                self.granularity,
                self.expires_after_days,
                self.clustered_by,
                self.filter_required,
                dict(self.labels),
                self.kms_key,
            ],
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def form_of(table: StoredTable, settings: Settings) -> Form:
    """How a table of the store is laid out, by its name and the settings."""
    given = settings.bigquery
    name = f"{table.schema}.{table.name}"
    columns = [column.name for column in table.columns]
    partitioned_by = partition_column(name, columns)
    dataset = dataset_of(table.name) if table.schema == "raw" else None
    is_live = dataset is not None and dataset.name in given.live_datasets
    days: int | None = None
    if partitioned_by and name not in _KEPT:
        if is_live:
            days = given.live_expiry_days
        elif given.expire_historical:
            days = _retention_days(table, settings)
    return Form(
        description=table.description,
        columns=table.columns,
        partitioned_by=partitioned_by,
        by_hour=is_live and partitioned_by is not None,
        expires_after_days=days,
        clustered_by=tuple(name for name in _CLUSTERED_BY if name in columns),
        filter_required=(
            given.require_partition_filter
            and table.schema == "raw"
            # A fill is looked for by its identity, whenever it was.
            and dataset is not None
            and "timestamp" in dataset.key
        ),
        labels={**given.labels, "dataset": as_label(dataset.name if dataset else table.schema)},
        kms_key=given.kms_key,
    )


def client_table(table: StoredTable, form: Form, names: Names) -> Table:
    """The table as the client creates it."""
    from google.cloud import bigquery

    made = bigquery.Table(names.table(table.schema, table.name), schema=_schema(form))
    if form.partitioned_by:
        made.time_partitioning = bigquery.TimePartitioning(
            type_=form.granularity, field=form.partitioned_by, expiration_ms=form.expiration_ms
        )
        made.require_partition_filter = form.filter_required
    if form.clustered_by:
        made.clustering_fields = list(form.clustered_by)
    if form.kms_key:
        made.encryption_configuration = bigquery.EncryptionConfiguration(kms_key_name=form.kms_key)
    made.description = form.description
    made.labels = {**form.labels, FORM: form.digest()}
    return made


def brought_up(found: Table, form: Form) -> list[str]:
    """Change a table that is there to what it has to be; the properties that have to be sent.

    Columns are added and never removed; how it is partitioned cannot be changed.
    """
    from google.cloud import bigquery

    known = {field.name: field for field in found.schema}
    wanted = {field.name: field for field in _schema(form)}
    # Nullable whatever it says: the rows already stored have no value for it.
    added = [
        bigquery.SchemaField(f.name, f.field_type, "NULLABLE", description=f.description)
        for name, f in wanted.items()
        if name not in known
    ]
    found.schema = [_described(field, wanted.get(field.name)) for field in found.schema] + added
    found.description = form.description
    found.labels = {**found.labels, **form.labels, FORM: form.digest()}
    changed = ["schema", "description", "labels"]
    partitioned = found.time_partitioning
    if partitioned is not None and partitioned.field == form.partitioned_by:
        partitioned.expiration_ms = form.expiration_ms
        found.time_partitioning = partitioned
        found.require_partition_filter = form.filter_required
        changed += ["time_partitioning", "require_partition_filter"]
    return changed


def client_dataset(schema: str, names: Names, settings: Settings, *, days: int | None) -> Dataset:
    """A dataset of the store; `days` is how long its tables live."""
    from google.cloud import bigquery

    given = settings.bigquery
    made = bigquery.Dataset(f"{names.project}.{names.dataset(schema)}")
    made.location = given.location
    made.labels = dict(given.labels)
    made.description = f"market-assets: {schema}"
    if days is not None:
        made.default_table_expiration_ms = days * DAY_MS
    if given.kms_key:
        made.default_encryption_configuration = bigquery.EncryptionConfiguration(
            kms_key_name=given.kms_key
        )
    return made


def _schema(form: Form) -> list[SchemaField]:
    from google.cloud import bigquery

    return [
        bigquery.SchemaField(
            column.name,
            SQL_TYPES[column.kind],
            "NULLABLE" if column.nullable else "REQUIRED",
            description=column.description,
        )
        for column in form.columns
    ]


def _described(field: SchemaField, wanted: SchemaField | None) -> Any:
    from google.cloud import bigquery

    if wanted is None or wanted.description == field.description:
        return field
    return bigquery.SchemaField(
        field.name, field.field_type, field.mode, description=wanted.description
    )


def _retention_days(table: StoredTable, settings: Settings) -> int:
    """The venue's own word on its raw tables, else the warehouse's."""
    for name, venue in settings.venues.items():
        if table.schema == "raw" and table.name.startswith(f"{name}_") and venue.retention_days:
            return venue.retention_days
    return settings.warehouse.retention_days
