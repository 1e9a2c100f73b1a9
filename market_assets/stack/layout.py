"""Where a stack keeps what it needs, all of it below one state folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
_ROTATE_BYTES = 10 * 2**20


@dataclass(frozen=True)
class Layout:
    """The folders and files of one stack; `state` makes two stacks different."""

    state: Path
    checkout: Path = CHECKOUT

    @property
    def dagster_home(self) -> Path:
        return self.state / "dagster"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def lock(self) -> Path:
        return self.state / "stack.lock"

    @property
    def info(self) -> Path:
        """Who holds the lock, and where its UI is."""
        return self.state / "stack.json"

    @property
    def workspace(self) -> Path:
        return self.state / "workspace.yaml"

    @property
    def dbt_socket(self) -> Path:
        """Where the process listens that has imported dbt."""
        return self.state / "dbt.sock"

    @property
    def platform(self) -> Path:
        """The settings in force, as a file that `market-assets --config` takes."""
        return self.state / "platform.yaml"

    @property
    def sites(self) -> Path:
        """Pages that are served beside the UI: dbt's docs, Data Docs, quality reports."""
        return self.state / "sites"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def prepare(self) -> None:
        """The folders, and logs that do not grow for ever."""
        for folder in (self.state, self.dagster_home, self.logs, self.sites):
            folder.mkdir(parents=True, exist_ok=True)
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > _ROTATE_BYTES:
                log.replace(log.with_suffix(".log.1"))
