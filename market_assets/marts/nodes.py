"""What dbt's manifest says of the marts, as plain values: models, what they read, their tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from market_assets.marts.due import Model
from market_assets.schemas.datasets import DATASETS

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Mart:
    """One model that people read."""

    unique_id: str
    name: str
    folder: str
    description: str
    file: str
    code_version: str
    is_view: bool
    columns: Mapping[str, Node]
    # Marts and raw tables that it is made from, with nothing that is no asset in between.
    marts: tuple[str, ...]
    raw: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Check:
    """One dbt test of one mart."""

    unique_id: str
    name: str
    mart: str
    description: str
    is_error: bool


@dataclass(frozen=True)
class Nodes:
    """The manifest, read."""

    manifest: Mapping[str, Any]

    @cached_property
    def marts(self) -> list[Mart]:
        return [
            self._mart(unique_id, node)
            for unique_id, node in self.manifest["nodes"].items()
            if _is_mart(node)
        ]

    @cached_property
    def checks(self) -> list[Check]:
        found = []
        for unique_id, node in self.manifest["nodes"].items():
            mart = self.manifest["nodes"].get(node.get("attached_node") or "")
            if node["resource_type"] == "test" and mart is not None and _is_mart(mart):
                found.append(
                    Check(
                        unique_id,
                        node["name"],
                        mart["name"],
                        _said(node),
                        node["config"]["severity"].lower() == "error",
                    )
                )
        return found

    def by_days(self) -> list[Model]:
        """Every mart that is built by days, after the marts that it is made from."""
        known: dict[str, Model] = {}

        def look(unique_id: str) -> Model:
            if unique_id not in known:
                known[unique_id] = self._needs(unique_id, look)
            return known[unique_id]

        wanted = {mart.unique_id for mart in self.marts if not mart.is_view}
        for unique_id in sorted(wanted):
            look(unique_id)
        # In the order in which the looks from above were answered: parents first.
        return [model for unique_id, model in known.items() if unique_id in wanted]

    def _mart(self, unique_id: str, node: Node) -> Mart:
        parents = list(self._assets_above(node))
        return Mart(
            unique_id,
            node["name"],
            node["fqn"][-2],
            node["description"],
            node["original_file_path"],
            node["checksum"]["checksum"],
            node["config"]["materialized"] in ("view", "materialized_view"),
            node["columns"],
            tuple(dict.fromkeys(p["name"] for p in parents if p["resource_type"] == "model")),
            tuple(dict.fromkeys(_asset_key(p) for p in parents if _asset_key(p))),
        )

    def _assets_above(self, node: Node) -> Iterator[Node]:
        """The nearest marts and sources above, through what dbt writes into its readers."""
        for parent in node["depends_on"]["nodes"]:
            if parent in self.manifest["sources"]:
                yield self.manifest["sources"][parent]
            elif _is_mart(self.manifest["nodes"][parent]):
                yield self.manifest["nodes"][parent]
            else:
                yield from self._assets_above(self.manifest["nodes"][parent])

    def _needs(self, unique_id: str, look: Callable[[str], Model]) -> Model:
        if unique_id in self.manifest["sources"]:
            table = self.manifest["sources"][unique_id]["name"]
            # Gaps are part of what a candle's commit changes.
            told = (
                {"ohlcv"} if table == "gaps" else {d for d in DATASETS if table.endswith(f"_{d}")}
            )
            return Model(table, 0, frozenset(told))
        node = self.manifest["nodes"][unique_id]
        parents = [look(parent) for parent in node["depends_on"]["nodes"]]
        reach = node["config"].get("meta", {}).get("reach_days", 0)
        return Model(
            node["name"],
            reach + max((parent.reach for parent in parents), default=0),
            frozenset[str]().union(*(parent.datasets for parent in parents)),
            reach,
            tuple(dict.fromkeys(p["name"] for p in self._assets_above(node) if _is_mart(p))),
        )


def _is_mart(node: Node) -> bool:
    return bool(node["resource_type"] == "model" and node["config"]["materialized"] != "ephemeral")


def _asset_key(node: Node) -> tuple[str, ...]:
    if node["resource_type"] != "source":
        return ()
    return tuple(node["config"].get("meta", {}).get("dagster", {}).get("asset_key", ()))


def _said(node: Node) -> str:
    told = str(node.get("description") or "")
    given = (f"{k} {v}" for k, v in node["test_metadata"]["kwargs"].items() if k != "model")
    return told or f"{node['test_metadata']['name']}: {', '.join(given)}"
