"""The last days of the winter once more, built as they come in: half a day, that day, ten more."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd
from marts_support import MartsLab

from market_assets.marts.project import Project

# In the first run it is 16:00 of its third day, a time at which funding is settled.
FIRST, ALONE, NEXT, LAST = "2026-02-26", "2026-02-28", "2026-03-01", "2026-03-10"
CUT = pd.Timestamp(f"{ALONE} 16:00")
AS_OF_CUT = ("features_hourly", "features_daily", "risk_daily", "correlation_daily")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Billed:
    """What had been issued until then, and what it processed, by label and asset."""

    statements: Counter[tuple[str, str]]
    bytes_processed: Counter[tuple[str, str]]


@dataclass(frozen=True)
class LateDays:
    """A warehouse whose last days were built in runs of their own, and what was seen on the way."""

    lab: MartsLab
    # The marts of AS_OF_CUT from FIRST on, when no hour after CUT was there.
    half: dict[str, pd.DataFrame]
    # Before the one day, after it, after the days.
    bills: list[Billed]


def build_late_days(lab: MartsLab) -> LateDays:
    """In a copy of the winter."""
    models = [model.name for model in Project(lab.settings).nodes().by_days()]
    for model in models:
        columns = lab.query(f"select * from marts.{model} limit 0").columns
        time = "date" if "date" in columns else "timestamp"
        lab.write(f"DELETE FROM lake.marts.{model} WHERE {time} >= '{ALONE}'")
    tables = lab.query(
        "select table_name from information_schema.tables where table_schema = 'raw'"
        " and (table_name like '%_ohlcv' or table_name like '%_funding_rates')"
    )
    later = {}
    for table in tables["table_name"]:
        where = f"WHERE timestamp >= '{CUT}'"
        later[table] = lab.store.query(f"SELECT * FROM raw.{table} {where}")
        lab.write(f"DELETE FROM lake.raw.{table} {where}")
    lab.build(FIRST, ALONE, select=[f"+{mart}" for mart in AS_OF_CUT])
    half = {
        mart: lab.mart(mart, f"{'timestamp' if 'hourly' in mart else 'date'} >= '{FIRST}'")
        for mart in AS_OF_CUT
    }

    for table, rows in later.items():
        lab.write(f"INSERT INTO lake.raw.{table} BY NAME SELECT * FROM given", rows)
    bills = [billed(lab)]
    lab.build(ALONE, ALONE, select=models)
    bills.append(billed(lab))
    lab.build(NEXT, LAST, select=models, tests=True)
    bills.append(billed(lab))
    return LateDays(lab, half, bills)


def billed(lab: MartsLab) -> Billed:
    found = Billed(Counter(), Counter())
    for line in lab.store.spent(LONG_AGO):  # by day as well: a test may run over midnight
        found.statements[line.label, line.asset] += line.statements
        found.bytes_processed[line.label, line.asset] += line.bytes_processed
    return found
