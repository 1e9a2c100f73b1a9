"""Write docs/reference/assets.md and the lineage's picture from Dagster's definitions; `--check`
only compares.

Loading them takes seconds, so the tests compare the page with definitions that they have anyway.
"""

from __future__ import annotations

import sys
import warnings
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
from lineage_picture import lineage
from reference_page import publish, table

from market_assets.definitions import everything
from market_assets.settings import Settings, load_settings
from market_assets.settings.quality import CHECK_NAMES
from market_assets.venues.registry import VENUES

PLATFORM_FILE = Path(__file__).parents[1] / "platform.yaml"
HEAD = """# Assets

<!-- Made by `make docs-reference` from the Dagster definitions. Do not edit. -->

Everything that Dagster shows, as [platform.yaml](settings.md) has it: other symbols, starts and
venues change it. Columns are in [tables](tables.md), what the rules of raw assets ask in
[checks](checks.md). A mart's checks are dbt's tests, named by all of their arguments. The picture
is in [architecture](../architecture.md#lineage).
"""
# Groups in the order in which data pass through them; a new one comes after these.
_GROUPS = (*VENUES, "core", "aggregates", "features", "risk", "strategy")


def installed() -> dg.Definitions:
    """What somebody has who changed nothing."""
    return everything(default_settings())


def default_settings(**environment: str) -> Settings:
    return load_settings(PLATFORM_FILE, environ=environment)


def render(definitions: dg.Definitions) -> str:
    with warnings.catch_warnings():
        # Venues cut their backfills differently, and the job of a sensor takes the least of them.
        warnings.filterwarnings("ignore", message="Asset job .* with varying BackfillPolicies")
        repository = definitions.get_repository_def()
        builders = _builders(repository)
    graph = repository.asset_graph
    groups: dict[str, list[dg.AssetKey]] = defaultdict(list)
    for key in sorted(graph.get_all_asset_keys()):
        groups[graph.get(key).group_name].append(key)
    text = [HEAD]
    for group in sorted(groups, key=_place):
        text.append(f"\n## Group {group}\n")
        text += [_asset(graph, key, builders[key]) for key in groups[group]]
    return "".join([*text, _jobs(repository), _schedules(repository), _sensors(repository)])


def _place(group: str) -> tuple[int, str]:
    return (_GROUPS.index(group) if group in _GROUPS else len(_GROUPS), group)


def _builders(repository: dg.RepositoryDefinition) -> dict[dg.AssetKey, list[str]]:
    """By asset, the schedules and sensors that launch runs of it."""
    found: dict[dg.AssetKey, list[str]] = defaultdict(list)
    jobs = {job.name: job for job in repository.get_all_jobs()}
    for schedule in repository.schedule_defs:
        for key in jobs[schedule.job_name].asset_layer.selected_asset_keys:
            found[key].append(f"schedule `{schedule.name}`")
    for sensor in repository.sensor_defs:
        # Dagster's own sensor of conditions has a selection, one of ours a job made of its target.
        chosen = sensor.asset_selection
        keys = set(chosen.resolve(repository.asset_graph) if chosen else ())
        for target in sensor.targets:
            keys |= jobs[target.job_name].asset_layer.selected_asset_keys
        for key in keys:
            found[key].append(f"sensor `{sensor.name}`")
    return found


def _asset(graph: dg.AssetGraph, key: dg.AssetKey, builders: Sequence[str]) -> str:
    node = graph.get(key)
    facts = {
        "kind": ", ".join(sorted(node.kinds)),
        "partitions": _partitions(node.partitions_def),
        "made from": ", ".join(f"`{above.to_user_string()}`" for above in sorted(node.parent_keys)),
        "built by": ", ".join(sorted(builders)),
        "condition": node.automation_condition.get_label() if node.automation_condition else "",
        "pool": ", ".join(f"`{pool}`" for pool in sorted(node.pools)),
        "checks": _checks(key, graph),
    }
    listed = "".join(f"- {name}: {said}\n" for name, said in facts.items() if said)
    return f"\n### {key.to_user_string()}\n\n{_first(node.description)}\n\n{listed}"


def _first(description: str | None) -> str:
    """The paragraph that says what it is; what follows depends on the installation."""
    return " ".join((description or "").split("\n\n")[0].split())


def _partitions(partitions: dg.PartitionsDefinition | None) -> str:
    if partitions is None:
        return ""
    assert isinstance(partitions, dg.TimeWindowPartitionsDefinition)
    each = {"0 * * * *": "hours", "0 0 * * *": "days"}[partitions.cron_schedule]
    today = ", today's included" if partitions.end_offset else ""
    return f"{each} from {partitions.start:%Y-%m-%d} ({partitions.timezone}){today}"


def _checks(key: dg.AssetKey, graph: dg.AssetGraph) -> str:
    """Those of the page on checks by name; the others, which are no rules of ours, with words."""
    found = sorted(graph.get_check_keys_for_assets({key}))
    rules = ", ".join(f"`{check.name}`" for check in found if check.name in CHECK_NAMES)
    others = "".join(
        f"\n    - `{check.name}`: {_first(graph.get_check_spec(check).description)}"
        for check in found
        if check.name not in CHECK_NAMES
    )
    return (rules or "these" * bool(others)) + others


def _jobs(repository: dg.RepositoryDefinition) -> str:
    jobs = sorted(repository.get_all_jobs(), key=lambda job: job.name)
    rows = [(f"`{job.name}`", job.description or "") for job in jobs if job.name[:2] != "__"]
    return "\n## Jobs\n\n" + table(("job", "what it does"), rows)


def _schedules(repository: dg.RepositoryDefinition) -> str:
    rows = [
        (
            f"`{one.name}`",
            f"`{one.cron_schedule}` {one.execution_timezone}",
            f"`{one.job_name}`",
            _at_first(one.default_status.value),
        )
        for one in sorted(repository.schedule_defs, key=lambda one: one.name)
    ]
    head = ("schedule", "when", "launches", "at the first start")
    return "\n## Schedules\n\n" + table(head, rows)


def _sensors(repository: dg.RepositoryDefinition) -> str:
    rows = [
        (
            f"`{one.name}`",
            f"{one.minimum_interval_seconds} s",
            one.description or "",
            _at_first(one.default_status.value),
        )
        for one in sorted(repository.sensor_defs, key=lambda one: one.name)
    ]
    head = ("sensor", "looks every", "what it does", "at the first start")
    return "\n## Sensors\n\n" + table(head, rows)


def _at_first(status: str) -> str:
    return "on" if status == "RUNNING" else "off"


def main() -> int:
    definitions = installed()
    stale = publish("reference/assets.md", render(definitions))
    return publish("images/lineage.svg", lineage(definitions.get_repository_def())) or stale


if __name__ == "__main__":
    sys.exit(main())
