"""One installation's dbt project: where it is, what it is told, and a manifest never stale."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from market_assets.errors import MartsFailed
from market_assets.marts.dbt_command import SERVER_VARIABLE, run_dbt
from market_assets.marts.lineage import Lineage
from market_assets.marts.nodes import Nodes
from market_assets.settings.secrets import without_secrets
from market_assets.warehouse.dbt_target import target_variables

if TYPE_CHECKING:
    from market_assets.settings import Settings

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCE = CHECKOUT / "dbt_project"
_LINES_IN_MESSAGE = 40
_KEPT_RUNS = 5
_READ = ("*.sql", "*.yml", "*.md", "*.csv")


@dataclass(frozen=True)
class Project:
    """The dbt project as one installation's settings have it."""

    settings: Settings
    source: Path = SOURCE
    dbt_server: str = field(default_factory=lambda: os.environ.get(SERVER_VARIABLE, ""))

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
        thresholds, quality = self.settings.thresholds, self.settings.quality
        return {
            **self.settings.marts.model_dump(mode="json"),
            "venues": self.settings.marts_venues,
            "price_jump_percent": thresholds.price_jump_percent,
            "cross_venue_percent": thresholds.cross_venue_percent,
            "anomaly_days": quality.anomaly_days,
            "anomaly_least": quality.anomaly_least,
            "anomaly_score": quality.anomaly_score,
        }

    @cached_property
    def _target_variables(self) -> dict[str, str]:
        return target_variables(self.settings)

    @property
    def arguments(self) -> list[str]:
        return ["--vars", json.dumps(self.variables, sort_keys=True)]

    def environment(self, given: Mapping[str, str] | None = None) -> dict[str, str]:
        """What dbt is told by its environment. Its SQL could read any of it: no secrets of ours."""
        given = os.environ if given is None else given
        search = [str(CHECKOUT), *filter(None, [given.get("PYTHONPATH")])]
        return {
            **without_secrets(given),
            "PYTHONPATH": os.pathsep.join(search),
            "MARKET_ASSETS_WAREHOUSE__PATH": str(self.settings.warehouse.path.absolute()),
            **self._target_variables,
            "DBT_PROJECT_DIR": str(self.source),
            "DBT_PROFILES_DIR": str(self.source),
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(self.target / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_USE_COLORS": "false",
        }

    def is_stale(self) -> bool:
        """Has anything changed that the manifest was made from?"""
        if not self.manifest.exists() or self._parsed_with() != self._told:
            return True
        made = self.manifest.stat().st_mtime
        return any(file.stat().st_mtime > made for file in self._sources())

    def prepare(self) -> None:
        """Parse the project unless the manifest is fresh. Processes that start at once wait.

        What cannot be parsed raises, and leaves the manifest of what could be.
        """
        if not self.is_stale():
            return
        from filelock import FileLock

        self.target.mkdir(parents=True, exist_ok=True)
        with FileLock(self.target / "parse.lock"):
            if self.is_stale():
                self.run("parse", doing="Parsing the dbt project")
                # dbt leaves the file alone when it finds nothing changed: it would stay stale.
                os.utime(self.manifest)
                self._vars_file.write_text(json.dumps(self._told), encoding="utf-8")

    def nodes(self) -> Nodes:
        """The models and their tests."""
        return Nodes(json.loads(self.manifest.read_text(encoding="utf-8")))

    @property
    def made_at(self) -> float:
        """When the manifest was made, in seconds since 1970."""
        return self.manifest.stat().st_mtime

    def run(
        self,
        *arguments: str,
        doing: str,
        target: Path | None = None,
        told: Callable[[str], None] | None = None,
    ) -> None:
        """Run dbt to its end; `told` gets each line that it prints, as it comes.

        With a `target` of its own a run leaves what others wrote alone.
        """
        environment = self.environment()
        if target is not None:
            environment |= {"DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(target)}
        lines: deque[str] = deque(maxlen=_LINES_IN_MESSAGE)
        status = run_dbt(
            target or self.target,
            [*arguments, *self.arguments],
            environment,
            told=told or lines.append,
            server=self.dbt_server,
        )
        if status != 0:
            how = "dbt was killed" if status < 0 else "dbt failed"
            shown = ":\n" + "\n".join(lines) if lines else ""
            raise MartsFailed(
                doing,
                f"{how}{shown}",
                f"Its log is {(target or self.target / 'logs') / 'dbt.log'};"
                " what was built is kept",
            )

    @contextmanager
    def run_folder(self) -> Iterator[Path]:
        """A target folder for one run, with the parsed project in it; it goes when that ends well.

        What a failed run compiled and logged stays, for whoever looks for the reason.
        """
        runs = self.target / "runs"
        runs.mkdir(parents=True, exist_ok=True)
        for old in sorted(runs.iterdir(), key=lambda folder: folder.stat().st_mtime)[:-_KEPT_RUNS]:
            shutil.rmtree(old, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{datetime.now(UTC):%Y%m%dT%H%M%S}-", dir=runs))
        shutil.copy(self.target / "partial_parse.msgpack", folder)
        yield folder
        shutil.rmtree(folder, ignore_errors=True)

    def write_lineage(self, lineage: Mapping[str, Lineage]) -> None:
        self._lineage_file.write_text(json.dumps(lineage), encoding="utf-8")

    def lineage(self) -> Mapping[str, Lineage]:
        """Mart -> column -> what it is made from, as of the docs made last; empty before that."""
        try:
            told: dict[str, Lineage] = json.loads(self._lineage_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return told

    @property
    def _lineage_file(self) -> Path:
        return self.target / "lineage.json"

    def _sources(self) -> Sequence[Path]:
        return [file for pattern in _READ for file in self.source.rglob(pattern)]

    @property
    def _told(self) -> dict[str, Any]:
        """All that the manifest depends on beside the project's files."""
        return {**self.variables, **self._target_variables}

    @property
    def _vars_file(self) -> Path:
        return self.target / "vars.json"

    def _parsed_with(self) -> object:
        try:
            return json.loads(self._vars_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
