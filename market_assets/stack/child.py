"""One process of the stack: how it is started, what it writes to, and whether it lives."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from market_assets.errors import NotReady, ProcessDied
from market_assets.stack.log_tail import log_tail

# A process that dies this often in this time does not stay up; restarting it would only hide why.
_RESTARTS = 3
_RESTARTS_WITHIN_SECONDS = 300.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class ChildSpec:
    """What to run, and how to know that it can be used."""

    name: str
    command: Sequence[str]
    ready: Callable[[], bool]
    ready_seconds: float = 180.0
    knows_secrets: bool = True


@dataclass
class Child:
    """A started process; `start` again replaces a dead one."""

    spec: ChildSpec
    environment: Mapping[str, str]
    folder: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None
    _deaths: list[float] = field(default_factory=list)

    def start(self) -> None:
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal reaches only us, and we end it in order.
            self.process = subprocess.Popen(
                list(self.spec.command),
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def wait_ready(self) -> None:
        until = time.monotonic() + self.spec.ready_seconds
        while not self.spec.ready():
            if not self.alive:
                raise self.died("it ended while it was starting")
            if time.monotonic() > until:
                raise NotReady(
                    f"Starting the {self.spec.name}",
                    f"it did not answer within {self.spec.ready_seconds:.0f} s{log_tail(self.log)}",
                    f"Read {self.log}; on a busy machine, start again",
                )
            time.sleep(_POLL_SECONDS)

    def revive(self) -> str:
        """Start a dead process again, unless it died too often. Returns what to tell people."""
        now = time.monotonic()
        self._deaths = [at for at in self._deaths if now - at < _RESTARTS_WITHIN_SECONDS] + [now]
        code = self.process.returncode if self.process else None
        if len(self._deaths) > _RESTARTS:
            raise self.died(f"it ended {len(self._deaths)} times in a few minutes")
        self.start()
        return f"The {self.spec.name} ended (exit code {code}) and was started again: {self.log}"

    def died(self, how: str) -> ProcessDied:
        code = self.process.returncode if self.process else None
        return ProcessDied(
            f"Running the {self.spec.name}",
            f"{how} (exit code {code}){log_tail(self.log)}",
            f"Read {self.log}, mend the cause, and start again: all data is kept",
            log=str(self.log),
        )
