"""The macros of the past, in a model that dbt really builds, tell what the warehouse tells."""

from __future__ import annotations

import random
import shutil
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from marts_support import VENUES, MartsLab

from market_assets.marts.project import SOURCE, Project
from market_assets.schemas import arrow
from market_assets.schemas.datasets import FUNDING_RATES, OHLCV, Dataset
from market_assets.schemas.timeline import HOUR_MS, to_datetime, to_ms
from market_assets.warehouse.contract import Batch

pytestmark = pytest.mark.xdist_group("marts")

START = to_ms(datetime(2026, 3, 1, tzinfo=UTC))
ODD = (0.1 + 0.2, 1 / 3, 123456789.12345679, 1e-12, None)


def some_rows(dataset: Dataset, venue: str, chance: random.Random, run_id: str) -> Any:
    """Rows of six hours of two symbols; every value is drawn, also those that may be null."""
    drawn = []
    for symbol, hour in chance.sample(
        [(s, h) for s in ("BTCUSDT", "ETHUSDT") for h in range(6)], 7
    ):
        moment = to_datetime(START + hour * HOUR_MS)
        row: dict[str, Any] = {"timestamp": moment, "symbol": symbol, "venue": venue}
        for column in dataset.columns:
            if column.kind == "float":
                row[column.name] = chance.choice(ODD if column.nullable else ODD[:-1])
        row |= {"interval": "1h", "num_trades": chance.choice([None, 2**53])}
        row |= {"raw_timestamp": to_datetime(to_ms(moment) + chance.randint(0, 9))}
        row |= {"ingestion_time": moment, "is_backfill": chance.random() < 0.5, "run_id": run_id}
        row |= {"source": chance.choice(["rest", "archive"])}
        drawn.append(row)
    return arrow.table(drawn, dataset.arrow_schema())


def filled(lab: MartsLab) -> list[datetime]:
    """Corrections upon corrections in every venue's tables; a time after each round of them."""
    chance = random.Random(20261121)
    moments = [datetime.now(UTC)]
    for number in range(3):
        for venue in VENUES:
            for dataset in (OHLCV, FUNDING_RATES):
                rows = some_rows(dataset, venue, chance, f"run-{number}")
                interval = "1h" if dataset is OHLCV else ""
                lab.store.commit(Batch(venue, dataset, interval, f"run-{number}", rows))
        moments.append(datetime.now(UTC))
    return moments


def project_with_past(lab: MartsLab, moments: list[datetime]) -> Project:
    """The project without its marts, which take long, and a model of the past for each moment."""
    source = lab.folder / "dbt_project"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("marts", "logs", "target"))
    (source / "models" / "marts").mkdir()
    for number, moment in enumerate(moments):
        for dataset in (OHLCV, FUNDING_RATES):
            text = moment.replace(tzinfo=None).isoformat(sep=" ")
            model = source / "models" / "marts" / f"{dataset.name}_{number}.sql"
            model.write_text(
                "{{ config(materialized='table', contract={'enforced': false}) }}\n"
                f"select * from {{{{ {dataset.name}_as_of('{text}') }}}} as past\n"
            )
    return Project(lab.settings, source)


def told(lab: MartsLab, dataset: Dataset, moment: datetime) -> pd.DataFrame:
    """What the warehouse itself tells of all venues."""
    tables = [lab.store.read_as_of(venue, dataset, moment).to_pandas() for venue in VENUES]
    return pd.concat([table for table in tables if len(table)] or tables[:1])


def in_order(frame: pd.DataFrame, dataset: Dataset) -> list[dict[str, Any]]:
    for name in [c.name for c in dataset.columns if c.kind == "timestamp"]:
        frame[name] = pd.to_datetime(frame[name], utc=True)
    rows = frame[dataset.column_names].sort_values(list(dataset.key)).astype(object)
    found: list[dict[str, Any]] = rows.where(rows.notna(), None).to_dict("records")
    return found


def test_a_model_over_the_past_holds_what_the_tables_said_then(small: MartsLab) -> None:
    moments = filled(small)
    project_with_past(small, moments).run("run", "--select", "marts", doing="Telling the past")
    differing = set()
    for dataset in (OHLCV, FUNDING_RATES):
        for number, moment in enumerate(moments):
            mart = small.mart(f"{dataset.name}_{number}")
            assert list(mart.columns) == dataset.column_names
            found = in_order(mart, dataset)
            assert found == in_order(told(small, dataset, moment), dataset)
            differing.add(str(found))
    assert len(differing) == 2 * len(moments) - 1, "only of before the first row there is one state"
