"""One installation's dbt project: where it is, what it is told, and a manifest never stale."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from market_assets.errors import MartsFailed
from market_assets.marts.due import Model
from market_assets.schemas.datasets import DATASETS

if TYPE_CHECKING:
    from market_assets.settings import Settings

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCE = CHECKOUT / "dbt_project"
_READ = ("*.sql", "*.yml", "*.md", "*.csv")


@dataclass(frozen=True)
class Project:
    """The dbt project as one installation's settings have it."""

    settings: Settings

    @property
    def target(self) -> Path:
        """Where dbt writes: manifest, compiled SQL, results, docs. One for each installation."""
        return self.settings.state_dir.absolute() / "dbt"

    @property
    def manifest(self) -> Path:
        return self.target / "manifest.json"

    @property
    def docs(self) -> Path:
        """The page with dbt's docs; the folder above it is served beside the UI."""
        return self.settings.state_dir.absolute() / "sites" / "dbt" / "index.html"

    @cached_property
    def variables(self) -> dict[str, Any]:
        """dbt's vars. The same in every run: another value makes dbt parse all of it anew."""
        thresholds = self.settings.thresholds
        return {
            **self.settings.marts.model_dump(mode="json"),
            "price_jump_percent": thresholds.price_jump_percent,
            "cross_venue_percent": thresholds.cross_venue_percent,
        }

    @property
    def arguments(self) -> list[str]:
        return ["--vars", json.dumps(self.variables, sort_keys=True)]

    def environment(self, given: Mapping[str, str] | None = None) -> dict[str, str]:
        """What dbt is told by its environment."""
        given = os.environ if given is None else given
        search = [str(CHECKOUT), *filter(None, [given.get("PYTHONPATH")])]
        return {
            **given,
            "PYTHONPATH": os.pathsep.join(search),
            "MARKET_ASSETS_WAREHOUSE__PATH": str(self.settings.warehouse.path.absolute()),
            "DBT_PROJECT_DIR": str(SOURCE),
            "DBT_PROFILES_DIR": str(SOURCE),
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(self.target / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_USE_COLORS": "false",
        }

    def is_stale(self) -> bool:
        """Has anything changed that the manifest was made from?"""
        if not self.manifest.exists() or self._parsed_with() != self.variables:
            return True
        made = self.manifest.stat().st_mtime
        return any(file.stat().st_mtime > made for file in _sources())

    def prepare(self) -> None:
        """Parse the project unless the manifest is fresh. Processes that start at once wait."""
        if not self.is_stale():
            return
        from filelock import FileLock

        self.target.mkdir(parents=True, exist_ok=True)
        with FileLock(self.target / "parse.lock"):
            if self.is_stale():
                # dbt leaves the file alone when it finds nothing changed: it would stay stale.
                self.manifest.unlink(missing_ok=True)
                self.run("parse", doing="Parsing the dbt project")
                self._vars_file.write_text(json.dumps(self.variables), encoding="utf-8")

    def models(self) -> list[Model]:
        """Every mart that is built by days, after the marts that it is made from."""
        return _models(self._read_manifest())

    def views(self) -> list[str]:
        """Every mart that holds no days of its own."""
        return [
            node["name"]
            for node in self._read_manifest()["nodes"].values()
            if node["resource_type"] == "model" and node["config"]["materialized"] == "view"
        ]

    @property
    def made_at(self) -> float:
        """When the manifest was made, in seconds since 1970."""
        return self.manifest.stat().st_mtime

    def run(self, *arguments: str, doing: str, show: bool = False) -> None:
        """Run dbt to its end. `show` passes on what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "dbt.cli.main", *arguments, *self.arguments],
            env=self.environment(),
            stdout=None if show else subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise MartsFailed(
                doing,
                "dbt failed" if show else f"dbt failed:\n{_tail(done.stdout or '')}",
                f"See {self.target / 'logs' / 'dbt.log'}; what was built before is kept",
            )

    def _read_manifest(self) -> dict[str, Any]:
        manifest: dict[str, Any] = json.loads(self.manifest.read_text(encoding="utf-8"))
        return manifest

    @property
    def _vars_file(self) -> Path:
        return self.target / "vars.json"

    def _parsed_with(self) -> object:
        try:
            return json.loads(self._vars_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None


def _models(manifest: Mapping[str, Any]) -> list[Model]:
    known: dict[str, Model] = {}

    def look(unique_id: str) -> Model:
        if unique_id not in known:
            known[unique_id] = _model(unique_id, manifest, look)
        return known[unique_id]

    ids = [i for i, node in manifest["nodes"].items() if node["resource_type"] == "model"]
    for unique_id in ids:
        look(unique_id)
    by_days = {i for i in ids if manifest["nodes"][i]["config"]["materialized"] == "incremental"}
    # `known` is in the order in which the look from above was answered: parents first.
    return [model for unique_id, model in known.items() if unique_id in by_days]


def _model(unique_id: str, manifest: Mapping[str, Any], look: Callable[[str], Model]) -> Model:
    if unique_id.startswith("source."):
        table = manifest["sources"][unique_id]["name"]
        # Gaps are part of what a candle's commit changes.
        told = {"ohlcv"} if table == "gaps" else {d for d in DATASETS if table.endswith(f"_{d}")}
        return Model(table, 0, frozenset(told))
    node = manifest["nodes"][unique_id]
    parents = [look(parent) for parent in node["depends_on"]["nodes"]]
    reach = node["config"].get("meta", {}).get("reach_days", 0)
    return Model(
        node["name"],
        reach + max((parent.reach for parent in parents), default=0),
        frozenset().union(*(parent.datasets for parent in parents)),
    )


def _sources() -> Sequence[Path]:
    return [file for pattern in _READ for file in SOURCE.rglob(pattern)]


def _tail(text: str, lines: int = 40) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
