"""What CREATE says about a table is kept and shown: its job's destination, expiry, location.

https://cloud.google.com/bigquery/docs/reference/rest/v2/Job names the destination table of a query
job, which dbt reads after each CREATE TABLE AS SELECT. partition_expiration_days and the options of
materialised views: https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language
A table is where its dataset is.
"""

from __future__ import annotations

from typing import Any

from local_bigquery.api import jobs as jobs_api
from local_bigquery.catalog import ddl, metadata, tables
from local_bigquery.catalog.options import DAY_MS
from local_bigquery.jobs import query, runner
from local_bigquery.models import Dataset, JobStatistics2, TableReference
from sqlglot import exp

# A materialised view is refreshed every half hour when its definition does not say otherwise.
_REFRESH_MS = 1_800_000


def keep() -> None:
    _table, _alteration, _definition = ddl._table, ddl._alteration, ddl._definition
    _defaults = tables.defaults

    def table(tree: exp.Create, reference: tuple[str, ...], evaluate: Any) -> dict[str, Any]:
        resource = _table(tree, reference, evaluate)
        return _with_expiry(resource, tree.args.get("properties"), evaluate)

    def alteration(stored: Any, action: exp.Expression, reference: Any, evaluate: Any) -> Any:
        changes = _alteration(stored, action, reference, evaluate)
        if isinstance(action, exp.AlterSet) and stored.timePartitioning:
            given = {"timePartitioning": stored.timePartitioning.dump()}
            expiring = _with_expiry(given, action, evaluate)
            return changes | (expiring if expiring != given else {})
        return changes

    def definition(tree: exp.Create, project_id: str, dataset_id: str) -> dict[str, Any]:
        resource = _definition(tree, project_id, dataset_id)
        if view := resource.get("materializedView"):
            given = _given(tree.args.get("properties"))
            minutes = given.get("refresh_interval_minutes")
            view["enableRefresh"] = given.get("enable_refresh", "true").lower() == "true"
            view["refreshIntervalMs"] = str(
                int(float(minutes) * 60_000) if minutes else _REFRESH_MS
            )
            if "max_staleness" in given:
                resource["maxStaleness"] = given["max_staleness"]
        return resource

    def defaults(project_id: str, dataset_id: str, table_id: str) -> Any:
        dataset = metadata.load(Dataset, project_id, dataset_id)
        found = _defaults(project_id, dataset_id, table_id)
        return found.replace(location=dataset.location) if dataset else found

    ddl._table, ddl._alteration, ddl._definition = table, alteration, definition
    tables.defaults = defaults
    _name_destinations()


def _given(node: exp.Expression | None) -> dict[str, str]:
    found = node.find_all(exp.Property) if node else ()
    return {
        item.name.lower(): item.args["value"].name or item.args["value"].sql("bigquery")
        for item in found
        if isinstance(item.args.get("value"), exp.Expression)
    }


def _with_expiry(
    resource: dict[str, Any], properties: exp.Expression | None, evaluate: Any
) -> dict[str, Any]:
    for item in properties.find_all(exp.Property) if properties else ():
        if item.name.lower() == "partition_expiration_days" and "timePartitioning" in resource:
            days = evaluate(item.args["value"])
            lifetime = {"expirationMs": str(int(float(days) * DAY_MS)) if days else None}
            resource = resource | {"timePartitioning": resource["timePartitioning"] | lifetime}
    return resource


def _name_destinations() -> None:
    _execute, _results = query.execute, jobs_api.results

    def execute(*args: Any, **named: Any) -> tuple[JobStatistics2, list[Any], Any]:
        statistics, children, destination = _execute(*args, **named)
        if statistics.statementType == "CREATE_TABLE_AS_SELECT" and statistics.ddlTargetTable:
            created = statistics.ddlTargetTable.dump()
            destination = TableReference.model_validate(created)
        return statistics, children, destination

    def results(job: Any, *args: Any) -> tuple[dict[str, Any], list[str]]:
        statistics = job.statistics.query
        if statistics and statistics.ddlTargetTable and job.configuration.query:
            job = job.model_copy(deep=True)
            job.configuration.query.destinationTable = None
        return _results(job, *args)

    query.execute = runner.query.execute = execute
    jobs_api.results = results
