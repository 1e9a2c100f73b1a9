"""INFORMATION_SCHEMA views with the documented columns that questions about cost and size use.

https://cloud.google.com/bigquery/docs/information-schema-jobs and -partitions
"""

from __future__ import annotations

import json
from typing import Any

from local_bigquery.sql.rules import information_schema as views
from sqlglot import exp

from gaps import records

_JOBS = (
    "job_id",
    "project_id",
    "user_email",
    "job_type",
    "statement_type",
    "state",
    "query",
    "parent_job_id",
    "creation_time TIMESTAMP",
    "start_time TIMESTAMP",
    "end_time TIMESTAMP",
    "total_bytes_processed INT64",
    "total_bytes_billed INT64",
    "cache_hit BOOL",
    "error_reason",
    "labels_json",
)


def complete() -> None:
    jobs = dict.fromkeys(("JOBS", "JOBS_BY_PROJECT", "JOBS_BY_USER"), _jobs)
    views.VIEWS.update(jobs, PARTITIONS=_partitions)
    _information_schema = views.information_schema

    def information_schema(tree: exp.Expression, context: Any) -> exp.Expression:
        for table in list(tree.find_all(exp.Table)):
            found = views._view(table)
            if found and found[0] in jobs:
                project_id = found[1] or context.project_id
                alias = exp.TableAlias(this=exp.to_identifier(table.alias or found[0].lower()))
                table.replace(exp.Subquery(this=_with_labels(project_id), alias=alias))
        return _information_schema(tree, context)

    views.STATEMENT_RULES[:] = [information_schema]
    from local_bigquery.sql import translate

    rules = translate.STATEMENT_RULES
    rules[rules.index(_information_schema)] = information_schema


def _with_labels(project_id: str) -> exp.Expression:
    select = views._values(*_jobs(project_id, None))
    labels = 'CAST(json(labels_json) AS STRUCT("key" VARCHAR, "value" VARCHAR)[]) AS labels'
    return exp.select("* EXCLUDE (labels_json)", labels, dialect="duckdb").from_(
        select.subquery("noted")
    )


def _jobs(project_id: str, dataset_id: str | None) -> tuple[list[str], list[list[Any]]]:
    rows = []
    for job in records.jobs(project_id):
        configuration, statistics = job["configuration"], job["statistics"]
        asked = statistics.get("query") or {}
        labels = configuration.get("labels") or {}
        rows.append(
            [
                job["jobReference"]["jobId"],
                project_id,
                job.get("user_email"),
                configuration.get("jobType"),
                asked.get("statementType"),
                job["status"]["state"],
                (configuration.get("query") or {}).get("query"),
                statistics.get("parentJobId"),
                *(
                    views._timestamp(statistics.get(key))
                    for key in ("creationTime", "startTime", "endTime")
                ),
                int(asked.get("totalBytesProcessed") or 0),
                int(asked.get("totalBytesBilled") or 0),
                bool(asked.get("cacheHit")),
                (job["status"].get("errorResult") or {}).get("reason"),
                json.dumps([{"key": key, "value": value} for key, value in labels.items()]),
            ]
        )
    return list(_JOBS), rows


def _partitions(project_id: str, dataset_id: str | None) -> tuple[list[str], list[list[Any]]]:
    columns = [
        *views.IDENTITY,
        "partition_id",
        "total_rows INT64",
        "total_logical_bytes INT64",
        "storage_tier",
        "last_modified_time TIMESTAMP",
    ]
    rows = [
        [
            *views._identity(table),
            partition,
            rows,
            rows * 8 * len(views.tables.fields(table)),
            "ACTIVE",
            views._timestamp(table.lastModifiedTime),
        ]
        for table in views._tables(project_id, dataset_id)
        for partition, rows in views._partitions(table)
    ]
    return columns, rows
