"""What the emulator notes about jobs, datasets and tables stays in memory, not in a database.

Nothing outlives a test session anyway, and a noted job was a third of the cost of a small query
(measured 2026-11-21: six milliseconds of CPU and a sync to disk per note, three notes per job).
"""

from __future__ import annotations

import hashlib
import json
import threading
from typing import Any

from local_bigquery.catalog import metadata
from local_bigquery.engine import database
from local_bigquery.engine.database import RESOURCES
from local_bigquery.jobs import store
from local_bigquery.models import Job

_lock = threading.Lock()
_jobs: dict[tuple[str, str], dict[str, Any]] = {}
_resources: dict[str, dict[tuple[str, ...], dict[str, Any]]] = {kind: {} for kind in RESOURCES}


def keep_in_memory() -> None:
    store.save, store.load = _save_job, _load_job
    store.list_, store.delete = _list_jobs, _delete_job
    metadata.save, metadata.list_, metadata.delete = _save, _list, _delete


def _save_job(job: Job) -> Job:
    with _lock:
        _jobs[job.jobReference.projectId, job.jobReference.jobId] = job.dump()
    return job


def _load_job(project_id: str, job_id: str) -> Job | None:
    found = _jobs.get((project_id, job_id))
    return Job.model_validate(found) if found else None


def _list_jobs(
    project_id: str,
    states: list[str] | None = None,
    parent_job_id: str | None = None,
    min_creation_time: int | None = None,
    max_creation_time: int | None = None,
) -> list[Job]:
    with _lock:
        jobs = [job for (project, _), job in _jobs.items() if project == project_id]
    found = [
        job
        for job in jobs
        if job["statistics"].get("parentJobId") == parent_job_id
        and (not states or job["status"]["state"] in states)
        and int(job["statistics"]["creationTime"]) >= (min_creation_time or 0)
        and int(job["statistics"]["creationTime"]) <= (max_creation_time or 1 << 62)
    ]
    found.sort(key=lambda job: job["jobReference"]["jobId"])
    found.sort(key=lambda job: int(job["statistics"]["creationTime"]), reverse=True)
    return [Job.model_validate(job) for job in found]


def _delete_job(project_id: str, job_id: str) -> None:
    with _lock:
        for key, job in list(_jobs.items()):
            if key[0] == project_id and job_id in (key[1], job["statistics"].get("parentJobId")):
                del _jobs[key]


def jobs(project_id: str) -> list[dict[str, Any]]:
    """Every job of a project as noted, children of scripts among them, the oldest first."""
    with _lock:
        return [job for (project, _), job in _jobs.items() if project == project_id]


def _save(resource: Any, *keys: str) -> Any:
    body = {key: value for key, value in resource.dump().items() if key != "etag"}
    etag = hashlib.md5(json.dumps(body, sort_keys=True).encode()).hexdigest()
    with _lock:
        _resources[metadata.KINDS[type(resource)]][keys] = body | {"etag": etag}
    return resource.replace(etag=etag)


def _list(model: type[Any], *keys: str) -> list[Any]:
    noted = _resources[metadata.KINDS[model]]
    if len(keys) == len(RESOURCES[metadata.KINDS[model]]):
        found = [noted[keys]] if keys in noted else []
    else:
        with _lock:
            found = [body for key, body in noted.items() if key[: len(keys)] == keys]
    return [model.model_validate(body) for body in found]


def _delete(model: type[Any], *keys: str) -> None:
    noted = _resources[metadata.KINDS[model]]
    with _lock:
        for key in [key for key in noted if key[: len(keys)] == keys]:
            del noted[key]
    kind = metadata.KINDS[model]
    names = [metadata.COLLECTIONS[key] for key in RESOURCES[kind]]
    path = "".join(f"{name}/{key}/" for name, key in zip(names, keys, strict=False))
    path += "".join(f"{name}/" for name in names[len(keys) : len(keys) + 1])
    database.execute(
        "DELETE FROM emulator.iam_policies WHERE starts_with(resource || '/', ?)", [path]
    )
