"""Statements that are not in ops.query_costs yet: lines in one file of the warehouse's folder.

Anybody who may write there appends, readers too; a line is there at once and survives its process.
A writer takes all lines in with a commit of its own, so that no statement makes a file in the lake.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from market_assets.warehouse.estimate import Scan, Statement

# A commit that takes lines in writes one file more (50 ms): once in so long is often enough.
_TAKE_AFTER_SECONDS = 300
_TAKE_FROM_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Noted:
    """A statement that was issued."""

    statement_id: str
    issued_at: datetime
    statement: Statement


@dataclass(frozen=True, slots=True)
class Spool:
    """The file, and the one that a writer is taking in."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "costs.jsonl"

    @property
    def taking(self) -> Path:
        return self.folder / "costs.taking.jsonl"

    def append(self, statements: Iterable[Statement], at: datetime | None = None) -> None:
        """Note statements, each under a name of its own."""
        moment = (at or datetime.now(UTC)).astimezone(UTC).isoformat()
        # Each line brings its own beginning: half a line that a full disk left spoils no other.
        text = "".join(f"\n{_line(statement, moment)}\n" for statement in statements)
        if not text:
            return
        # Who may only read, or has no space left, is not kept from reading: it goes unnoted.
        with contextlib.suppress(OSError):
            self._write(text.encode())

    def is_due(self, now: datetime) -> bool:
        """Is it time to take lines in? Also what somebody had begun to take, and died."""
        if self.taking.exists():
            return True
        try:
            if self.file.stat().st_size >= _TAKE_FROM_BYTES:
                return True
            with self.file.open("rb") as lines:
                first = next(_noted(lines), None)
        except FileNotFoundError:
            return False
        return first is not None and (now - first.issued_at).total_seconds() >= _TAKE_AFTER_SECONDS

    def take(self) -> tuple[list[Noted], bool]:
        """Lines to store, and whether some may be stored already. Under the writer lock.

        They stay until `taken`, so that a writer that dies loses none.
        """
        begun = self.taking.exists()
        if not begun:
            try:
                self.file.rename(self.taking)
            except FileNotFoundError:
                return [], False
        return _lines_of(self.taking), begun

    def taken(self) -> None:
        """What `take` gave is stored."""
        self.taking.unlink(missing_ok=True)

    def waiting(self) -> list[Noted]:
        """Every line, for who wants to count what is not stored yet. Some may be stored by now."""
        # In this order: a line moves from the second to the first.
        later = _lines_of(self.file)
        found = {noted.statement_id: noted for noted in (*_lines_of(self.taking), *later)}
        return list(found.values())

    def _write(self, lines: bytes) -> None:
        import fcntl

        while True:
            descriptor = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                # Whoever takes the file in waits for those who are writing to it, and those who
                # come later see that it is no longer the one that is called so.
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if _is_still(self.file, descriptor):
                    os.write(descriptor, lines)
                    return
            finally:
                os.close(descriptor)


def _is_still(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _lines_of(file: Path) -> list[Noted]:
    import fcntl

    try:
        with file.open("rb") as lines:
            fcntl.flock(lines, fcntl.LOCK_SH)
            return list(_noted(lines))
    except FileNotFoundError:
        return []


def _line(statement: Statement, moment: str) -> str:
    told = {
        "id": uuid.uuid4().hex,
        "at": moment,
        "label": statement.label,
        "asset": statement.asset,
        "run": statement.run_id,
        "staged": statement.staged,
        "scans": [
            (scan.table, scan.columns, scan.first_day, scan.last_day, scan.rewrites)
            for scan in statement.scans
        ],
    }
    return json.dumps(told, separators=(",", ":"))


def _noted(lines: Iterable[bytes]) -> Iterator[Noted]:
    """The lines that are whole and ours. A foreign one must not keep writers from their work."""
    for line in lines:
        try:
            noted = _parsed(json.loads(line))
        except (ValueError, TypeError, LookupError):
            continue
        yield noted


def _parsed(told: Any) -> Noted:
    scans = tuple(
        Scan(table, None if columns is None else tuple(columns), first, last, rewrites)
        for table, columns, first, last, rewrites in told["scans"]
    )
    issued_at = datetime.fromisoformat(told["at"])
    if issued_at.tzinfo is None:
        raise ValueError("a time without its zone")
    identity, label, asset, run = (told[name] for name in ("id", "label", "asset", "run"))
    if not all(isinstance(text, str) for text in (identity, label, asset, run)):
        raise TypeError("a number where a text belongs")
    staged = tuple(int(size) for size in told["staged"])
    return Noted(identity, issued_at, Statement(label, scans, staged, asset, run))
