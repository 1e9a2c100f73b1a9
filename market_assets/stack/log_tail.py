"""The end of a process's log: most often it holds the reason."""

from __future__ import annotations

from pathlib import Path

_TAIL_LINES = 15


def log_tail(log: Path, lines: int = _TAIL_LINES) -> str:
    """Its last lines, indented to stand in a message."""
    try:
        found = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    except OSError:
        return ""
    return "".join(f"\n    | {line}" for line in found)
