"""The budget against a real warehouse: what was spent, who has to wait, and the release."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lab_support import Lab

from market_assets.errors import BudgetExhausted
from market_assets.settings import Settings
from market_assets.warehouse.estimate import TIB, Statement
from market_assets.watch.spending import refuse_when_spent, spending, spent_and_tallied, why_waiting
from market_assets.watch.storage_cost import GIB, storage_cost

DOLLAR = round(TIB / 6.25)  # so many bytes cost one, at the list price


def settings_with(lab: Lab, stop: bool = True, **thresholds: Any) -> Settings:
    return lab.with_settings(
        costs={"stop_at_budget": stop, "minimum_bytes": 0}, thresholds=thresholds
    ).settings


def pay(lab: Lab, dollars: float, asset: str = "marts.ohlcv") -> None:
    lab.lake.note([Statement("mart", (), (round(DOLLAR * dollars),), asset)])


def test_what_was_spent_is_told_as_the_watch_needs_it(lab: Lab):
    settings = settings_with(lab, daily_cost_usd=2.0)
    pay(lab, 0.5)
    pay(lab, 0.25, "raw.okx_ohlcv")
    now = datetime.now(UTC)
    spend, sums = spent_and_tallied(settings, lab.lake, now)
    assert spend.day == now.date()
    assert spend.today_dollars == pytest.approx(0.75, rel=1e-4)
    assert spend.month_dollars == pytest.approx(0.75, rel=1e-4)
    assert spend.budget_dollars == 2.0
    assert [(line.label, line.asset) for line in spend.lines[:2]] == [
        ("mart", "marts.ohlcv"),
        ("mart", "raw.okx_ohlcv"),
    ]
    assert (spend.is_released, spend.released_because) == (False, "")
    assert [one.asset for one in sums.assets][:2] == [
        "marts.ohlcv",
        "raw.okx_ohlcv",
    ]


def test_at_the_budget_what_can_wait_is_refused_with_what_was_spent_and_the_way_on(lab: Lab):
    settings = settings_with(lab, daily_cost_usd=1.0)
    pay(lab, 0.9)
    refuse_when_spent(settings, "Building the marts")
    pay(lab, 0.2, "raw.okx_ohlcv")
    with pytest.raises(BudgetExhausted) as refused:
        refuse_when_spent(settings, "Building the marts")
    said = str(refused.value)
    assert "Building the marts: $1.10 of the day's $1.00" in said
    assert "mart marts.ohlcv $0.90, mart raw.okx_ohlcv $0.20" in said
    assert "market-assets costs release" in said
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    assert f"until {tomorrow} 00:00 UTC" in said


def test_a_released_day_goes_on_and_the_next_has_its_own_budget(lab: Lab):
    settings = settings_with(lab, daily_cost_usd=1.0)
    pay(lab, 2.0)
    today = datetime.now(UTC).date()
    assert lab.lake.release_budget(today, "a backfill")
    assert not lab.lake.release_budget(today, "again")
    assert why_waiting(settings) is None
    spend = spending(settings, lab.lake, datetime.now(UTC))
    assert (spend.is_released, spend.released_because) == (True, "a backfill")
    assert lab.lake.released(today + timedelta(days=1)) is None
    assert why_waiting(settings, datetime.now(UTC) + timedelta(days=1)) is None


def test_unless_told_to_nothing_stops(lab: Lab):
    settings = settings_with(lab, stop=False, daily_cost_usd=1.0)
    pay(lab, 2.0)
    assert why_waiting(settings) is None


def test_before_the_first_ingest_nothing_has_to_wait(lab: Lab):
    elsewhere = settings_with(lab).model_copy(
        update={
            "warehouse": lab.settings.warehouse.model_copy(update={"path": lab.folder / "none"})
        }
    )
    assert why_waiting(elsewhere) is None
    assert not (lab.folder / "none").exists()


def test_storage_costs_what_the_rows_are_on_bigquery(lab: Lab):
    lab.lake.record_builds([], "run")
    assert storage_cost(lab.settings, lab.lake).bytes == 0
    pay(lab, 1.0)
    lab.lake.settle_costs()
    kept = storage_cost(lab.settings, lab.lake)
    # the rows of ops.query_costs, and nothing else is stored: each has 5 texts and 5 numbers
    assert 100 < kept.bytes < 1000
    assert kept.dollars_per_month == pytest.approx(kept.bytes / GIB * 0.02)
