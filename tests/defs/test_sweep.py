"""Runs that died with their processes: whose are ended when one of several servers restarts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.test_utils import create_run_for_test

from market_assets.defs.sweep import Dead, sweep
from market_assets.settings import Settings
from market_assets.stack.dagster_home import write_dagster_yaml

STARTED, FAILURE = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE
QUEUED, CANCELING = dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.CANCELING


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    write_dagster_yaml(Settings(), tmp_path)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DAGSTER_HOME", str(tmp_path))
        with dg.DagsterInstance.get() as found:
            yield found


def _run(instance: dg.DagsterInstance, location: str, status: dg.DagsterRunStatus) -> str:
    server = GrpcServerCodeLocationOrigin(host="code", port=4000, location_name=location)
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(server, "__repository__"), "__ASSET_JOB")
    run = create_run_for_test(
        instance, job_name="__ASSET_JOB", status=status, remote_job_origin=origin
    )
    return run.run_id


def _status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_a_location_that_starts_again_ends_its_own_runs_only(instance: dg.DagsterInstance) -> None:
    mine = _run(instance, "mine", STARTED)
    stopping = _run(instance, "mine", CANCELING)
    queued = _run(instance, "mine", QUEUED)
    others = _run(instance, "others", STARTED)
    assert sweep(Dead("mine", time.time() + 1)) == {"failed": 1, "cancelled": 1, "freed": 0}
    assert _status(instance, mine) is FAILURE
    assert _status(instance, stopping) is dg.DagsterRunStatus.CANCELED
    assert _status(instance, queued) is QUEUED
    assert _status(instance, others) is STARTED


def test_what_was_launched_after_the_server_came_back_goes_on(
    instance: dg.DagsterInstance,
) -> None:
    began = time.time() - 60
    launched = _run(instance, "mine", STARTED)
    assert sweep(Dead("mine", began)) == {"failed": 0, "cancelled": 0, "freed": 0}
    assert _status(instance, launched) is STARTED


def test_when_everything_starts_again_everything_that_ran_is_dead(
    instance: dg.DagsterInstance,
) -> None:
    runs = [_run(instance, location, STARTED) for location in ("mine", "others")]
    assert sweep() == {"failed": 2, "cancelled": 0, "freed": 0}
    assert [_status(instance, run) for run in runs] == [FAILURE, FAILURE]
