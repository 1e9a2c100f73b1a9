"""The running Dagster, asked over the same GraphQL as its UI."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from market_assets.errors import DagsterRefused
from market_assets.stack import queries

AssetKey = tuple[str, ...]
LOCATION = "market_assets"
_SECONDS = 60.0


@dataclass(frozen=True)
class Asset:
    key: AssetKey
    group: str
    partitioned: bool
    upstream: tuple[AssetKey, ...]

    def __str__(self) -> str:
        return "/".join(self.key)


@dataclass(frozen=True)
class Partitions:
    """All keys of an asset in order, and which of them are done, failed, being made."""

    keys: tuple[str, ...]
    materialised: frozenset[str]
    failed: frozenset[str]
    running: frozenset[str]


class DagsterApi:
    """One webserver."""

    def __init__(self, url: str) -> None:
        self.url = url
        # Loopback: a proxy of the environment has no business here.
        self._http = httpx.Client(base_url=url, timeout=_SECONDS, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """The data of an answer; the errors of a query are raised with their text."""
        answer = self._http.post("/graphql", json={"query": query, "variables": variables})
        try:
            body = answer.json()
        except ValueError:
            body = {}
        # Dagster answers a wrong query with HTTP 400 and says why in the body.
        if answer.is_error or body.get("errors"):
            raise refused(str(body.get("errors") or answer.text)[:2000])
        data: dict[str, Any] = body["data"]
        return data

    def one(self, query: str, **variables: object) -> Any:
        """The only field of an answer; Dagster's own error types are raised with their message."""
        (found,) = self.ask(query, **variables).values()
        if isinstance(found, dict) and "message" in found and "__typename" in found:
            raise refused(f"{found['__typename']}: {found['message']}"[:2000])
        return found

    def answers(self) -> bool:
        try:
            return self._http.get("/server_info", timeout=2.0).is_success
        except httpx.HTTPError:
            return False

    def location_problem(self) -> str | None:
        """None when every code location is loaded; a broken one still serves pages."""
        workspace = self.one(queries.LOCATIONS)
        for entry in workspace["locationEntries"]:
            found = entry["locationOrLoadError"] or {}
            if found.get("__typename") == "PythonError":
                return str(found["message"])
            if entry["loadStatus"] != "LOADED" or not found:
                return "the definitions are still loading"
        return None if workspace["locationEntries"] else "there is no code location"

    # -- assets

    def assets(self) -> list[Asset]:
        return [
            Asset(
                tuple(node["assetKey"]["path"]),
                node["groupName"] or "",
                node["isPartitioned"],
                tuple(tuple(key["path"]) for key in node["dependencyKeys"]),
            )
            for node in self.one(queries.ASSETS)
        ]

    def partitions(self, key: AssetKey) -> Partitions:
        node = self.one(queries.PARTITIONS, key={"path": list(key)})
        keys = tuple(k for part in node["partitionKeysByDimension"] for k in part["partitionKeys"])
        place = {name: index for index, name in enumerate(keys)}
        by_status: dict[str, set[str]] = {}
        for span in node["assetPartitionStatuses"].get("ranges", ()):
            # A range may reach past the keys that the definitions still have.
            first, last = place.get(span["startKey"], 0), place.get(span["endKey"], len(keys) - 1)
            by_status.setdefault(span["status"], set()).update(keys[first : last + 1])
        return Partitions(
            keys,
            materialised=frozenset(by_status.get("MATERIALIZED", ())),
            failed=frozenset(by_status.get("FAILED", ())),
            running=frozenset(by_status.get("MATERIALIZING", ())),
        )

    def materialised(
        self, wanted: Mapping[AssetKey, Sequence[str]]
    ) -> dict[AssetKey, frozenset[str]]:
        """Which of the wanted hours or days are there: one question for all assets."""
        nodes = self.one(queries.STATUSES, keys=[{"path": list(key)} for key in wanted])
        found = dict.fromkeys(wanted, frozenset[str]())
        for node in nodes:
            key = tuple(node["assetKey"]["path"])
            spans = [
                (span["startKey"], span["endKey"])
                for span in node["assetPartitionStatuses"].get("ranges", ())
                if span["status"] == "MATERIALIZED"
            ]
            # Names of hours and days are in the order of time.
            found[key] = frozenset(
                name for name in wanted[key] if any(a <= name <= b for a, b in spans)
            )
        return found

    # -- backfills and runs

    def launch(
        self, wanted: Mapping[AssetKey, Iterable[tuple[str, str]]], *, title: str = ""
    ) -> str:
        """A backfill of ranges of partitions, first and last key included: what the UI sends."""
        params: dict[str, Any] = {
            "partitionsByAssets": [
                {
                    "assetKey": {"path": list(key)},
                    "partitions": {"ranges": [{"start": a, "end": b} for a, b in ranges]},
                }
                for key, ranges in wanted.items()
            ],
            "tags": [],
        }
        if title:
            params["title"] = title
        launched = self.one(queries.LAUNCH, params=params)
        return str(launched["backfillId"])

    def launch_run(self, keys: Sequence[AssetKey], partition: str) -> str:
        """One run for one partition, as the UI launches it."""
        params = {
            "selector": {
                "repositoryLocationName": LOCATION,
                "repositoryName": "__repository__",
                "jobName": "__ASSET_JOB",
                "assetSelection": [{"path": list(key)} for key in keys],
            },
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": partition}]},
            "runConfigData": {},
        }
        return str(self.one(queries.LAUNCH_RUN, params=params)["run"]["runId"])

    def backfill_status(self, backfill_id: str) -> str:
        return str(self.one(queries.BACKFILL_STATUS, id=backfill_id)["status"])

    def active_backfill(self, title: str) -> str | None:
        """One of this title that is still being worked on."""
        for found in self.one(queries.ACTIVE_BACKFILLS)["results"]:
            if found["title"] == title:
                return str(found["id"])
        return None

    def run_statuses(self, backfill_id: str) -> dict[str, str]:
        """How each run of a backfill is doing; retries are runs of it too."""
        of_it = {"tags": [{"key": "dagster/backfill", "value": backfill_id}]}
        found = self.one(queries.RUN_STATUSES, filter=of_it)["results"]
        return {run["runId"]: run["status"] for run in found}

    def runs(self, **filters: object) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.one(queries.RUNS, filter=filters)["results"]
        return found


def refused(problem: str) -> DagsterRefused:
    return DagsterRefused(
        "Asking Dagster",
        problem,
        "This is a mistake of ours, or of the definitions; the webserver's log may say more",
    )


def ranges(keys: Sequence[str], wanted: Iterable[str]) -> list[tuple[str, str]]:
    """`wanted` as ranges of neighbours in `keys`, first and last included."""
    chosen = set(wanted)
    found: list[tuple[str, str]] = []
    begun: str | None = None
    previous = ""
    for key in keys:
        if key in chosen:
            begun = begun or key
        elif begun:
            found.append((begun, previous))
            begun = None
        previous = key
    return [*found, (begun, previous)] if begun else found
