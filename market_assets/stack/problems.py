"""What can go wrong with processes; each says what happened, where its log is, what to do."""

from __future__ import annotations

from pathlib import Path

from market_assets.errors import Terminal, Transient

EXIT_STACK = 7
_TAIL_LINES = 15


class StackRunning(Terminal):
    """Another start of the same state folder is alive."""

    exit_code = EXIT_STACK


class PortTaken(Terminal):
    exit_code = EXIT_STACK


class ProcessDied(Terminal):
    """A process of the stack does not stay up."""

    exit_code = EXIT_STACK


class NotReady(Transient):
    """A process runs, but did not become usable in time."""

    exit_code = EXIT_STACK


class DagsterRefused(Terminal):
    """The running Dagster answered with an error."""

    exit_code = EXIT_STACK


def log_tail(log: Path, lines: int = _TAIL_LINES) -> str:
    """The end of a log, indented: most often it holds the reason."""
    try:
        found = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    except OSError:
        return ""
    return "".join(f"\n    | {line}" for line in found)
