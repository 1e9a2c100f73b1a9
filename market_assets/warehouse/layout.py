"""Where an embedded warehouse keeps its parts inside its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The folder of one warehouse: catalog, data files and the writers' lock."""

    root: Path

    @property
    def catalog(self) -> Path:
        return self.root / "catalog.sqlite"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def lock(self) -> Path:
        return self.root / "writer.lock"

    @property
    def exists(self) -> bool:
        # The catalog is renamed into place when it is complete: if it is there, it is whole.
        return self.catalog.exists()

    @property
    def written_at(self) -> int:
        """When anybody wrote last, in nanoseconds; without opening anything. 0 before the first."""
        log = self.catalog.with_name(f"{self.catalog.name}-wal")
        return max((f.stat().st_mtime_ns for f in (self.catalog, log) if f.exists()), default=0)
