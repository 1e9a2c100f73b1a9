"""What a migration has copied, in a small file: a killed one goes on where it stopped.

It tells our own copies from data that somebody else put into the target.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from market_assets.errors import WarehouseUnwritable

_FORMAT = 1


class Memory:
    """The checksum of each part as it was copied, for one source and one target."""

    def __init__(self, folder: Path, source: str, target: str) -> None:
        # A file for each pair: who migrates to another place meanwhile does not forget the first.
        pair = hashlib.sha256(f"{source}\n{target}".encode()).hexdigest()[:8]
        self.file = folder / f"migrated-to-{target.partition(' ')[0]}-{pair}.json"
        self._between = [source, target]
        self._copied = self._read()

    def knows(self, part: str, checksum: str) -> bool:
        """Whether the target's part is what was copied there."""
        return checksum in self._copied.get(part, ())

    def has(self, part: str) -> bool:
        """Whether the part was ever copied."""
        return part in self._copied

    def intend(self, part: str, checksum: str) -> None:
        """Remember what is about to be copied: who is killed in it may have done it or not."""
        self._keep(part, [*self._copied.get(part, ()), checksum])

    def keep(self, part: str, checksum: str) -> None:
        """Remember what the target's part is now."""
        if self._copied.get(part) != [checksum]:
            self._keep(part, [checksum])

    def _keep(self, part: str, checksums: list[str]) -> None:
        self._copied[part] = checksums
        told = {"format": _FORMAT, "between": self._between, "copied": self._copied}
        draft = self.file.with_suffix(f".{os.getpid()}.draft")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(told, indent=0), encoding="utf-8")
            draft.replace(self.file)
        except OSError as error:
            raise WarehouseUnwritable(
                "Remembering what was migrated",
                f"{self.file} cannot be written: {error.strerror or error}",
                "Make room there, or set state_dir to another folder, then run the same command"
                " again: what is copied is compared and not copied twice.",
            ) from error

    def _read(self) -> dict[str, list[str]]:
        """Nothing where the file is of other stores, or unreadable: then all is compared anew."""
        try:
            told = json.loads(self.file.read_text(encoding="utf-8"))
            if told["format"] == _FORMAT and told["between"] == self._between:
                return {str(part): [str(s) for s in sums] for part, sums in told["copied"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        return {}
