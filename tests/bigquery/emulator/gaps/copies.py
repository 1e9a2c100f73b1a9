"""Copy jobs of snapshots: of a moment that is past, with an expiry, immutable, and brought back.

https://cloud.google.com/bigquery/docs/table-snapshots-create: the source may carry a time decorator
(`table@milliseconds`), the destination an expiry, and its base table, schema and layout are told.
RESTORE takes a snapshot and nothing else (operationType of
https://cloud.google.com/bigquery/docs/reference/rest/v2/Job). What an existing table says of itself
is kept when its rows are replaced.
"""

from __future__ import annotations

import datetime
import time
from typing import Any

from local_bigquery.catalog import datasets, names, tables
from local_bigquery.errors import BigQueryError
from local_bigquery.jobs import copy, runner
from local_bigquery.models import JobConfigurationTableCopy, JobStatistics5, Table
from local_bigquery.sql.rules.tables import DECORATOR, decorated

_LAYOUT = ("schema", "timePartitioning", "clustering", "requirePartitionFilter", "description")


def of_moments() -> None:
    _run = copy.run

    def run(cur: Any, config: JobConfigurationTableCopy, upload: str | None) -> JobStatistics5:
        if config.operationType not in ("SNAPSHOT", "RESTORE"):
            return _run(cur, config, upload)
        source = tables.reference(config.sourceTable or (config.sourceTables or [None])[0])
        target = tables.reference(config.destinationTable)
        datasets.get(*target[:2])
        copied = _snapshot if config.operationType == "SNAPSHOT" else _restored
        rows = copied(cur, config, source, target)
        return JobStatistics5(copiedRows=str(rows), copiedLogicalBytes="0")

    copy.run = runner.HANDLERS["copy"] = run


def _snapshot(cur: Any, config: JobConfigurationTableCopy, source: Any, target: Any) -> int:
    decorator = DECORATOR.match(source[2])
    base = (*source[:2], decorator[1] if decorator else source[2])
    now = int(time.time() * 1000)
    moment = int(decorator[2]) if decorator else now
    if moment > now:
        raise BigQueryError("invalid", f"Invalid snapshot time {moment} for table: in the future")
    if tables.exists(*target):
        raise tables.already_exists("Table", names.label(*target))
    told = tables.load(*base)
    given = {
        "type": "SNAPSHOT",
        "snapshotDefinition": {
            "baseTableReference": told.tableReference.dump(),
            "snapshotTime": _said(moment),
        },
    }
    if config.destinationExpirationTime:
        until = datetime.datetime.fromisoformat(config.destinationExpirationTime)
        given["expirationTime"] = str(int(until.timestamp() * 1000))
    return _made(cur, told, target, given, decorated(*source) or tables.name(*base))


def _restored(cur: Any, config: JobConfigurationTableCopy, source: Any, target: Any) -> int:
    snapshot = tables.load(*source)
    if snapshot.type != "SNAPSHOT":
        raise BigQueryError("invalid", f"{names.label(*source)} is no snapshot to restore from")
    if not tables.exists(*target):
        return _made(cur, snapshot, target, {}, tables.name(*source))
    found = tables.load(*target)
    if config.writeDisposition != "WRITE_TRUNCATE" and int(found.numRows or 0):
        raise tables.already_exists("Table", names.label(*target))
    if _columns(found) == _columns(snapshot):
        cur.execute(f"DELETE FROM {tables.name(*target)}")
        return _filled(cur, target, tables.name(*source))
    tables.delete(*target)
    kept = found.only("labels", *(part for part in _LAYOUT if part != "schema")).dump()
    return _made(cur, snapshot, target, kept, tables.name(*source))


def _made(cur: Any, like: Table, target: Any, given: dict[str, Any], source: str) -> int:
    reference = dict(zip(("projectId", "datasetId", "tableId"), target, strict=True))
    body = like.only(*_LAYOUT).dump() | given | {"tableReference": reference}
    tables.create(*target[:2], Table.model_validate(body), None)
    return _filled(cur, target, source)


def _filled(cur: Any, target: Any, source: str) -> int:
    [(rows,)] = cur.execute(
        f"INSERT INTO {tables.name(*target)} BY NAME SELECT * FROM {source}"
    ).fetchall()
    return int(rows)


def _columns(table: Table) -> list[tuple[str | None, str | None]]:
    return [(field.name, field.mode) for field in tables.fields(table)]


def _said(milliseconds: int) -> str:
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
