"""Randomness without a state: any number of any stream can be asked for directly.

A counter and a key are hashed (splitmix64), so that what happens at a minute does not depend on
which minutes were asked for before, nor in which process.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_UNIT_DEVIATION = 2.0 * 3.0**0.5  # a uniform number times this deviates by one


@lru_cache(maxsize=65_536)
def stream(*parts: object) -> int:
    """The key of the stream with this name."""
    digest = blake2b("|".join(map(str, parts)).encode(), digest_size=8)
    return int.from_bytes(digest.digest(), "little")


def uniform(key: int, counters: Ints) -> Floats:
    """Numbers in [0, 1), one for each counter."""
    mixed = counters.astype(np.uint64)
    mixed *= _GOLDEN
    mixed += np.uint64(key)
    mixed ^= mixed >> np.uint64(30)
    mixed *= _FIRST
    mixed ^= mixed >> np.uint64(27)
    mixed *= _SECOND
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def uniform_one(key: int, counter: int) -> float:
    return float(uniform(key, np.array([counter], dtype=np.int64))[0])


def smooth(key: int, scale: int, start: int, count: int) -> Floats:
    """Value noise of unit deviation at start..start+count-1: a knot each `scale`, eased between."""
    if scale == 1:
        knots = uniform(key, np.arange(start, start + count, dtype=np.int64))
        return (knots - 0.5) * _UNIT_DEVIATION
    places, weights = _easing(scale, start % scale, count)
    first = start // scale
    knots = uniform(key, np.arange(first, first + int(places[-1]) + 2, dtype=np.int64))
    knots = (knots - 0.5) * _UNIT_DEVIATION
    left = knots[places]
    return left + (knots[1:][places] - left) * weights


def smooth_at(key: int, scale: int, moments: Ints) -> Floats:
    """The same noise at moments that do not follow one another."""
    places = moments // scale
    position = (moments - places * scale) / scale
    left = (uniform(key, places) - 0.5) * _UNIT_DEVIATION
    right = (uniform(key, places + 1) - 0.5) * _UNIT_DEVIATION
    return left + (right - left) * (position * position * (3.0 - 2.0 * position))


@lru_cache(maxsize=1024)
def _easing(scale: int, phase: int, count: int) -> tuple[NDArray[np.intp], Floats]:
    moments = np.arange(phase, phase + count)
    places = moments // scale
    position = (moments - places * scale) / scale
    return places.astype(np.intp), position * position * (3.0 - 2.0 * position)
