"""What Prometheus is told of a look, number by number."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from exporter_support import HOUR, NOW, everything
from hypothesis import given
from hypothesis import strategies as st

from market_assets.health.observed import Observed, Series, VenueAnswers
from market_assets.watch.exporter.metrics import GAUGES
from market_assets.watch.gauges import LOOK_GAUGES, gauges

BTC = {"venue": "binance", "dataset": "ohlcv", "interval": "1h", "symbol": "BTCUSDT"}
BINANCE = {"venue": "binance", "dataset": "ohlcv", "interval": "1h"}


def seen(observed: Observed) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (one.name.removeprefix("market_assets_"), tuple(sorted(one.labels.items()))): one.value
        for one in gauges(observed, NOW)
    }


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("data_age_seconds", BTC, 10_800),
        ("ingestion_age_seconds", BTC, 7200),
        # 48 due, 3 missing and 2 not asked for; what is explained counts as there
        ("completeness_ratio", BINANCE, 43 / 48),
        ("missing_rows", BINANCE, 3),
        ("unasked_rows", BINANCE, 2),
        ("missing_rows", BINANCE | {"venue": "okx"}, 0),
        ("recent_requests", {"venue": "binance"}, 200),
        ("recent_failed_requests", {"venue": "binance", "outcome": "timeout"}, 6),
        ("error_ratio", {"venue": "binance"}, 0.05),
        ("request_latency_p95_seconds", {"venue": "binance"}, 1.25),
        ("request_budget_used_ratio", {"venue": "binance", "bucket": "weight"}, 0.25),
        ("venue_paused", {"venue": "binance"}, 0),
        ("venue_paused", {"venue": "okx"}, 1),
        ("venue_paused", {"venue": "aster"}, 0),  # its circuit closed a minute ago
        ("failed_checks", {"severity": "error"}, 1),
        ("failed_checks", {"severity": "warn"}, 0),
        ("failed_runs", {}, 1),
        ("backfills", {"state": "running"}, 1),
        ("backfills", {"state": "failed"}, 0),
        ("runs", {"state": "queued"}, 4),
        ("runs", {"state": "running"}, 2),
        ("tick_age_seconds", {"kind": "daemon", "name": "SENSOR"}, 30),
        ("warehouse_bytes", {}, 5_000_000),
        ("warehouse_rows", {}, 1000),
        ("disk_free_bytes", {}, 1e11),
        ("disk_size_bytes", {}, 4e11),
        ("spend_today_dollars", {}, 0.5),
        ("spend_month_dollars", {}, 7.25),
        ("daily_budget_dollars", {}, 1.0),
        ("spend_today_by_label_dollars", {"label": "mart"}, 0.375),
    ],
)
def test_each_number_is_there_in_base_units(
    name: str, labels: dict[str, str], value: float
) -> None:
    assert seen(everything())[name, tuple(sorted(labels.items()))] == pytest.approx(value)


def test_every_gauge_of_a_look_is_described_and_made() -> None:
    made = {one.name for one in gauges(everything(), NOW)}

    assert made == set(LOOK_GAUGES)


def test_names_follow_prometheus_conventions() -> None:
    for name, said in GAUGES.items():
        assert re.fullmatch(r"market_assets_[a-z0-9_]+", name)
        # Base units only, and no ending that is kept for counters and histograms.
        assert not re.search(
            r"_(ms|milliseconds|minutes|hours|percent|kb|mb|gb|total|count)$", name
        )
        assert said


def test_what_owes_no_rows_has_no_age() -> None:
    symbols = {dict(key[1]).get("symbol") for key in seen(everything())}

    assert "OLDUSDT" not in symbols
    assert "NEWUSDT" not in symbols


def test_what_could_not_be_seen_has_no_gauge() -> None:
    assert gauges(Observed(), NOW) == []


def test_a_venue_that_was_not_asked_has_no_error_ratio() -> None:
    found = seen(Observed(answers=(VenueAnswers("okx"),)))

    assert found == {("recent_requests", (("venue", "okx"),)): 0.0}


@given(minutes=st.integers(-500, 5000))
def test_ages_are_never_negative(minutes: int) -> None:
    newest = NOW - timedelta(minutes=minutes)
    found = seen(Observed(series=(Series("okx", "ohlcv", "1h", "X", HOUR, newest, newest),)))

    assert all(age >= 0 for age in found.values())
    if minutes >= 0:
        assert set(found.values()) == {minutes * 60.0}


def test_labels_are_of_what_is_configured_never_of_what_is_said() -> None:
    """A label with free text (an error, a run's id) would make a new time series each time."""
    allowed = {"venue", "dataset", "interval", "symbol", "outcome", "bucket", "severity", "state"}
    found = {label for one in gauges(everything(), NOW) for label in one.labels}

    assert found <= allowed | {"kind", "name", "label"}
