"""What tests do with a platform: run assets and jobs, and look at what Dagster then knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import dagster as dg
from lab_support import Lab

from market_assets.defs.assembly import assemble

SYMBOLS = ("BTCUSDT", "NEWUSDT")
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


def raw(name: str) -> dg.AssetKey:
    return dg.AssetKey(["raw", name])


@dataclass
class Platform:
    """An installation: its definitions and Dagster's memory of what ran."""

    lab: Lab
    instance: dg.DagsterInstance

    @cached_property
    def defs(self) -> dg.Definitions:
        return assemble(self.lab.settings)

    def run(
        self,
        assets: str | Sequence[str],
        first: str,
        last: str = "",
        *,
        refresh: bool = False,
    ) -> dg.ExecuteInProcessResult:
        """One run of raw assets over the partitions first..last, as the UI launches it."""
        names = [assets] if isinstance(assets, str) else list(assets)
        ops = {f"raw__{name}": {"config": {"refresh": refresh}} for name in names}
        return self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            asset_selection=[raw(name) for name in names],
            tags={RANGE_START: first, RANGE_END: last} if last else {"dagster/partition": first},
            run_config={"ops": ops} if refresh else None,
            raise_on_error=False,
        )

    def job(
        self,
        name: str,
        config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """One run of a job; `config` is that of its op."""
        job = self.defs.resolve_job_def(name)
        ops = [node.name for node in job.graph.nodes]
        return job.execute_in_process(
            instance=self.instance,
            run_config={"ops": {ops[0]: {"config": dict(config)}}} if config else None,
            tags=tags,
            raise_on_error=False,
        )

    def materialised(self, name: str) -> list[str]:
        """The partitions that Dagster shows as materialised, in order."""
        return sorted(self.instance.get_materialized_partitions(raw(name)))


def materialisations(result: dg.ExecuteInProcessResult) -> list[dg.AssetMaterialization]:
    return [
        event.materialization
        for event in result.all_events
        if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION
    ]


def values(metadata: Mapping[str, dg.MetadataValue]) -> dict[str, Any]:
    return {name: value.value for name, value in metadata.items()}


def output_metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """What a job's op told about its work."""
    [event] = [e for e in result.all_events if e.event_type is dg.DagsterEventType.STEP_OUTPUT]
    return values(event.step_output_data.metadata)


def failure(result: dg.ExecuteInProcessResult) -> dg.DagsterEvent:
    [event] = [e for e in result.all_events if e.event_type is dg.DagsterEventType.STEP_FAILURE]
    return event


def why(result: dg.ExecuteInProcessResult) -> str:
    """Why a run failed, as the UI says it."""
    said = failure(result).step_failure_data.user_failure_data
    assert said is not None, failure(result).step_failure_data.error
    return said.description or ""


def check_results(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """What a run's checks said, by `<table> <check>`."""
    found = (
        event.event_specific_data
        for event in result.all_events
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
    )
    return {f"{e.asset_key.path[-1]} {e.check_name}": e for e in found}


def failing(result: dg.ExecuteInProcessResult) -> set[str]:
    """The checks that failed, but for freshness: the lab's venues stand still in March."""
    return {
        name
        for name, check in check_results(result).items()
        if not check.passed and check.check_name != "freshness"
    }
