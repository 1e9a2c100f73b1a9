"""What goes wrong with single answers: drawn anew at each request, from a counter and the seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import compress
from typing import Final

import numpy as np
import orjson

from market_assets.simulator.answers import HTML, Answer, Endpoint, Page, json_answer
from market_assets.simulator.config import REQUEST_FAULTS, FaultsConfig
from market_assets.simulator.noise import stream, uniform, uniform_one

_HTML_PAGE: Final = b"<html><head><title>%d</title></head><body><h1>%s</h1></body></html>"
_REASONS: Final = {403: b"Forbidden", 451: b"Restricted", 502: b"Bad Gateway"}


class FaultPlan:
    """Decides for each request what happens to it."""

    def __init__(self, seed: int, config: FaultsConfig) -> None:
        self.config = config
        self._seed = seed
        self._count: Counter[str] = Counter()
        self._likely = [name for name in REQUEST_FAULTS if getattr(config, name) > 0.0]

    def begin(self, venue: str, endpoint: Endpoint) -> tuple[str | None, int]:
        """The fault for this request, if any, and the number of the request."""
        config = self.config
        if endpoint.kind not in config.fault_paths or venue not in config.fault_venues:
            return None, 0
        self._count[venue] += 1
        number = self._count[venue]
        for item in config.schedule:
            if item.venue in (None, venue) and item.start_request <= number <= item.end_request:
                return item.fault, number
        for name in self._likely:
            if self.drawn(venue, name, number) < getattr(config, name):
                return name, number
        return None, number

    def drawn(self, venue: str, what: str, number: int) -> float:
        return uniform_one(stream(self._seed, "fault", venue, what), number)

    def latency_seconds(self, venue: str, number: int, always_ms: float) -> float:
        config = self.config
        jitter = config.latency_jitter_ms
        if jitter:
            jitter *= self.drawn(venue, "latency", number)
        return (always_ms + config.latency_ms + jitter) / 1000.0

    def spoil(self, fault: str, venue: str, number: int, page: Page) -> Page | None:
        """The page with wrong rows; None if this page cannot have that fault."""
        if fault == "empty_page":
            return Page([], page.head, page.tail)
        if not page.rows:
            return None
        place = int(self.drawn(venue, "place", number) * len(page.rows))
        rows = list(page.rows)
        if fault == "short_page":
            key = stream(self._seed, "dropped", venue, number)
            kept = uniform(key, np.arange(len(rows))) >= self.config.short_page_rows
            rows = list(compress(rows, kept))
            if len(rows) == len(page.rows):
                return None
        elif fault == "duplicates":
            rows.insert(place, rows[place])
        elif fault == "bad_row":
            rows[place] = _bad_row(rows[place], number)
        elif fault == "price_spike":
            spiked = _spiked(rows[place], self.config.spike_factor)
            if spiked is None:
                return None
            rows[place] = spiked
        return Page(rows, page.head, page.tail)


def http_fault(status: int, said: Mapping[int, object]) -> Answer:
    """The answer of an http_* fault that neither throttles nor bans: what the venue says to that
    status, or an HTML page of the proxy in front of it."""
    if status in said:
        return json_answer(said[status], status)
    reason = _REASONS.get(status, b"Error")
    return Answer(status, _HTML_PAGE % (status, reason), HTML)


def wrong_type() -> Answer:
    return Answer(200, _HTML_PAGE % (200, b"We will be back soon"), HTML)


def _bad_row(row: bytes, number: int) -> bytes:
    """High below low, a negative volume or an off-grid time, in turns."""
    content = orjson.loads(row)
    if isinstance(content, dict):
        if number % 2:
            content["fundingRate"] = "NaN"
        else:
            key = "fundingTime" if "fundingTime" in content else "fundingRateTimestamp"
            content[key] = type(content[key])(int(content[key]) + 1_234_567)
        return orjson.dumps(content)
    kind = number % 3
    if kind == 0:
        high, low = content[2], content[3]
        content[2] = low if low != high else "0.0"
        content[3] = high
    elif kind == 1:
        content[5] = f"-{content[5]}" if float(content[5]) else "-1"
    else:
        content[0] = type(content[0])(int(content[0]) + 1_234)
    return orjson.dumps(content)


def _spiked(row: bytes, factor: float) -> bytes | None:
    """A high and a close that never were."""
    content = orjson.loads(row)
    if not isinstance(content, list):
        return None
    places = len(content[4].partition(".")[2])
    close = float(content[4]) * factor
    content[2] = f"{max(float(content[2]), close):.{places}f}"
    content[3] = f"{min(float(content[3]), close):.{places}f}"
    content[4] = f"{close:.{places}f}"
    return orjson.dumps(content)
