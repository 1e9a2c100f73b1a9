"""What a piece of work takes: seconds by the clock, and of CPU."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True, order=True)
class Took:
    """Seconds by the clock, and of CPU, children's included."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def timed() -> Iterator[Took]:
    took = Took()
    wall, before = time.perf_counter(), os.times()
    yield took
    after = os.times()
    took.wall = time.perf_counter() - wall
    took.cpu = sum(after[:4]) - sum(before[:4])


def median(all_of_them: Sequence[Took]) -> Took:
    return Took(
        statistics.median(one.wall for one in all_of_them),
        statistics.median(one.cpu for one in all_of_them),
    )
