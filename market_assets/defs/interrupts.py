"""Let a cancelled run end cleanly while asyncio works."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import dagster as dg


@contextmanager
def cancellable() -> Iterator[None]:
    """Cancel the running asyncio task on SIGINT and SIGTERM, then end as Dagster expects.

    Dagster's own handler raises wherever the event loop happens to be, also in a callback, where
    asyncio only logs it and works on. With Python's handler in its place, `asyncio.run` cancels
    its main task: what is being stored is stored, connections close, and nothing else is asked.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread gets signals
        return

    def as_interrupt(_signal: int, _frame: FrameType | None) -> None:
        signal.raise_signal(signal.SIGINT)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, as_interrupt)
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise dg.DagsterExecutionInterruptedError from interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
