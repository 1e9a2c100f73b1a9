"""How the venues answered: the percentile is the one that everybody means by it."""

from __future__ import annotations

import random
from datetime import timedelta

import numpy as np
import pytest

from market_assets.schemas.requests import RequestRecord
from market_assets.schemas.timeline import HOUR_MS, to_datetime
from market_assets.warehouse.ducklake import DuckLakeWarehouse
from market_assets.watch.answers import venue_answers

NOW = 1_773_144_000_000  # 2026-03-10 12:00


def test_the_95th_percentile_lies_between_the_two_values_next_to_it(
    lake: DuckLakeWarehouse,
) -> None:
    shuffler = random.Random(7)
    slow = (1.0, 80.5, 1e4)
    latencies = {
        f"venue_{n}": [shuffler.choice(slow) * shuffler.random() for _ in range(n)]
        for n in (1, 2, 7, 21, 60)
    }
    latencies["same"] = [12.5, 12.5, 12.5]
    lake.record_requests(
        RequestRecord(
            to_datetime(NOW) - timedelta(minutes=age),
            venue,
            "/klines",
            "BTCUSDT",
            200,
            "ok",
            latency,
            1,
            1,
            10,
            "run-1",
        )
        for venue, values in latencies.items()
        # The last is older than the window: it counts for nothing.
        for age, latency in [*((1, value) for value in values), (90, 1e9)]
    )
    found = {one.venue: one.p95_latency_ms for one in venue_answers(lake, HOUR_MS, NOW)}
    assert found == {
        venue: pytest.approx(np.percentile(values, 95), rel=1e-12)
        for venue, values in latencies.items()
    }
