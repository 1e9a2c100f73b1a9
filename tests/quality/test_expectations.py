"""Suites on a real warehouse: what is clean passes, and each law fails for a defect of its kind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from judged_support import DAYS, END, copied, opened, write
from marts_support import MartsLab

from market_assets.quality.expectations.checkpoints import Checkpoints, docs_folder
from market_assets.quality.expectations.judging import days_before, judge, tables_of
from market_assets.quality.expectations.laws import Law
from market_assets.quality.expectations.mart_suites import MART_SUITES
from market_assets.quality.expectations.raw_suites import Subject, raw_subjects
from market_assets.quality.expectations.stored import Stored
from market_assets.quality.expectations.verdicts import Verdict, last_verdict
from market_assets.schemas.datasets import FUNDING_RATES, OHLCV
from market_assets.settings import Settings

pytestmark = [pytest.mark.xdist_group("gx"), pytest.mark.slow]
REPOSITORY = Path(__file__).parents[2]
WINDOW = days_before(END, DAYS)


def verdicts(settings: Settings, *tables: str) -> dict[str, Verdict]:
    with opened(settings) as store:
        found = judge(settings, store, WINDOW, tables=tables, run_id="test")
        return {verdict.table: verdict for verdict in found}


@pytest.fixture(scope="module")
def subjects(judged: MartsLab) -> dict[str, Subject]:
    with opened(judged.settings) as store:
        stored = Stored(store, judged.settings, WINDOW)
        found = [
            *raw_subjects(stored, "binance", OHLCV),
            *raw_subjects(stored, "binance", FUNDING_RATES),
            *(suite.subject(stored) for suite in MART_SUITES),
        ]
    return {subject.name: subject for subject in found}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Checkpoints:
    folder = tmp_path_factory.mktemp("gx")
    return Checkpoints(folder / "state", folder / "site")


# -- a clean warehouse


def test_a_clean_warehouse_passes_and_its_verdicts_are_kept_and_shown(judged: MartsLab) -> None:
    """Three tables of all: the nightly job judges every one (test_daily_job.py)."""
    clean = ("raw.binance_funding_rates", "marts.daily_ohlcv", "marts.ops_completeness")
    assert set(clean) < set(tables_of(judged.settings))
    found = verdicts(judged.settings, *clean)
    assert tuple(found) == clean
    assert {table: verdict.breaches for table, verdict in found.items() if verdict.breaches} == {}
    assert all(verdict.rows and verdict.laws > 10 for verdict in found.values())
    recorded = judged.query("select table_name, passed, run_id from ops.check_results")
    assert set(recorded["table_name"]) == set(found)
    assert recorded["passed"].all()
    docs = docs_folder(judged.settings)
    for table, verdict in found.items():
        assert last_verdict(judged.settings, table) == verdict
        page = (docs / verdict.page).read_text()
        assert table in page
    front = (docs / "index.html").read_text()
    assert all(f'<a href="{verdict.page}">{table}</a>' in front for table, verdict in found.items())
    assert (docs / "great_expectations.html").is_file()


# -- each law by itself


def spoiled(frame: pd.DataFrame, law: Law) -> pd.DataFrame:
    """The frame with what the law forbids, whatever kind of law it is."""
    told = dict(law.arguments)
    broken = frame.copy()
    column = told.get("column")
    match law.expectation:
        case "ExpectTableColumnsToMatchSet":
            return broken.drop(columns=told["column_set"][0])
        case "ExpectColumnValuesToBeOfType":
            numbers = range(len(frame))
            wrong = list(numbers) if told["type_"] == "str" else [str(n) for n in numbers]
            return broken.assign(**{column: wrong})
        case "ExpectColumnValuesToNotBeNull":
            values = broken[column].astype(object)
            values.iloc[0] = None
            return broken.assign(**{column: values})
        case "ExpectCompoundColumnsToBeUnique":
            return pd.concat([broken, broken.tail(1)], ignore_index=True)
        case "ExpectColumnPairValuesAToBeGreaterThanB":
            lower = broken[told["column_B"]]
            one = pd.Timedelta(days=1) if lower.dtype.kind == "M" else 1.0
            if lower.isna().all():
                lower = lower.fillna(1.0)
            return broken.assign(**{told["column_B"]: lower, told["column_A"]: lower - one})
        case "ExpectColumnValuesToBeInSet":
            wrong = not told["value_set"][0] if isinstance(told["value_set"][0], bool) else "wrong"
            return broken.assign(**{column: wrong})
        case "ExpectTableRowCountToBeBetween":
            return broken.head(told["min_value"] - 1)
        case "ExpectColumnStdevToBeBetween":
            far = 10 * told["max_value"] * (-1.0) ** np.arange(len(frame))
            return broken.assign(**{column: far})
    low, high = told.get("min_value"), told.get("max_value")
    return broken.assign(**{column: low - 1.0 if low is not None else high + 1.0})


@pytest.mark.parametrize(
    "name",
    [
        *("raw.binance_ohlcv", "raw.binance_ohlcv_series"),
        *("raw.binance_funding_rates", "raw.binance_funding_rates_series"),
        *(suite.table for suite in MART_SUITES),
    ],
)
def test_every_law_of_a_suite_fails_where_it_is_broken(
    subjects: dict[str, Subject], running: Checkpoints, name: str
) -> None:
    subject = subjects[name]
    silent = []
    for place, law in enumerate(subject.laws):
        # These two are the same in all suites: one of them is enough to see that they work.
        is_common = law.name.startswith("type of") or law.name.endswith("is there")
        if is_common and name != "raw.binance_funding_rates":
            continue
        broken = Subject(name, f"{name}_{place}", spoiled(subject.frame, law), (law,))
        if [breach.law for breach in running.run(broken).breaches] != [law.name]:
            silent.append(law.name)
    assert silent == []


# -- defects in the stored tables

FIRST = "timestamp = '2026-03-08 05:00:00' AND symbol = 'BTCUSDT'"
OHLCV_TABLE, FUNDING_TABLE = "lake.raw.binance_ohlcv", "lake.raw.binance_funding_rates"
# Table -> law -> what breaks it. All at once: they do not hide each other.
DEFECTS = {
    "raw.binance_ohlcv": {
        "unique key": f"INSERT INTO {OHLCV_TABLE} SELECT * FROM {OHLCV_TABLE} WHERE {FIRST}",
        "on grid": f"UPDATE {OHLCV_TABLE} SET timestamp = timestamp + INTERVAL 7 MINUTE"
        " WHERE timestamp = '2026-03-08 07:00:00'",
        "known instruments": f"UPDATE {OHLCV_TABLE} SET symbol = 'NOBODYUSDT'"
        " WHERE timestamp = '2026-03-08 09:00:00' AND symbol = 'ETHUSDT'",
        "completeness": f"DELETE FROM {OHLCV_TABLE} WHERE timestamp >= '2026-03-09 16:00:00'",
        "share of zero volume": f"UPDATE {OHLCV_TABLE} SET volume = 0",
        "spread of returns": f"UPDATE {OHLCV_TABLE}"
        " SET close = close * (1 + 0.5 * (hour(timestamp) % 2))",
    },
    "raw.binance_funding_rates": {
        "completeness": "DELETE FROM lake.ops.coverage WHERE dataset = 'funding_rates'",
        "monotonic time": f"INSERT INTO {FUNDING_TABLE} BY NAME SELECT * REPLACE"
        f" (timestamp + INTERVAL 1 MINUTE AS timestamp) FROM {FUNDING_TABLE}",
        "rounding": f"UPDATE {FUNDING_TABLE} SET raw_timestamp = raw_timestamp + INTERVAL 5 MINUTE",
    },
    "marts.ohlcv": {
        "nothing lost": f"DELETE FROM lake.marts.ohlcv WHERE {FIRST}",
        "monotonic time": "INSERT INTO lake.marts.ohlcv SELECT * FROM lake.marts.ohlcv"
        " WHERE timestamp = '2026-03-08 11:00:00'",
    },
    "marts.daily_ohlcv": {
        "vwap in its bar": "UPDATE lake.marts.daily_ohlcv SET vwap = high * 1.01",
        "hours accounted for": "UPDATE lake.marts.daily_ohlcv SET missing_count = 5",
        "quantiles of daily_return": "UPDATE lake.marts.daily_ohlcv SET close = close * 2"
        " WHERE date = '2026-03-08'",
    },
    "marts.instruments": {
        "tick above 0": "UPDATE lake.raw.binance_instruments SET tick_size = 0",
        "one current version": "INSERT INTO lake.raw.binance_instruments BY NAME SELECT * REPLACE"
        " (valid_from + INTERVAL 1 HOUR AS valid_from) FROM lake.raw.binance_instruments",
    },
}


@pytest.fixture(scope="module")
def broken(judged: MartsLab, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = copied(judged.settings, tmp_path_factory.mktemp("broken"))
    write(settings, *(sql for defects in DEFECTS.values() for sql in defects.values()))
    assert set(verdicts(settings, *DEFECTS)) == set(DEFECTS)
    return settings


@pytest.mark.parametrize(
    ("table", "law"), [(table, law) for table, defects in DEFECTS.items() for law in defects]
)
def test_a_defect_in_a_stored_table_fails_its_law_and_says_what_is_there_instead(
    broken: Settings, table: str, law: str
) -> None:
    verdict = last_verdict(broken, table)
    assert verdict is not None
    [told] = [breach for breach in verdict.breaches if breach.law == law]
    assert told.observed not in ("", "None")
    assert verdict.severity == "error"


def test_failed_verdicts_are_recorded_with_what_was_found(broken: Settings) -> None:
    with opened(broken) as store:
        recorded = store.ask(
            "SELECT * FROM ops.check_results WHERE run_id = 'test' AND not passed"
        ).to_pylist()
    assert {row["table_name"] for row in recorded} == set(DEFECTS)
    for row in recorded:
        verdict = last_verdict(broken, row["table_name"])
        assert verdict is not None
        assert row["findings"] == len(verdict.breaches)
        assert not row["is_blocking"]
        told = [one["law"] for one in json.loads(row["sample"])]
        assert told == [breach.law for breach in verdict.breaches[:10]]


def test_what_fails_comes_first_on_the_front_page(broken: Settings) -> None:
    front = (docs_folder(broken) / "index.html").read_text()
    assert "Every symbol is in instruments" in front
    assert front.count('<b class="error">error</b>') == len(DEFECTS)


# -- where there is nothing


def test_what_is_not_there_says_so_and_the_rest_is_judged(judged: MartsLab, tmp_path: Path) -> None:
    settings = copied(judged.settings, tmp_path)
    write(
        settings,
        "DROP TABLE lake.marts.risk_daily",
        "DELETE FROM lake.marts.daily_ohlcv",
        "ALTER TABLE lake.marts.hourly_stats DROP COLUMN close",
    )
    found = verdicts(settings, "marts.risk_daily", "marts.daily_ohlcv", "marts.hourly_stats")
    [missing] = found["marts.risk_daily"].breaches
    assert missing.severity == "error"
    assert "there is no table marts.risk_daily" in missing.observed
    [empty] = found["marts.daily_ohlcv"].breaches
    assert "no row of [2026-03-07 00:00, 2026-03-10 00:00)" in empty.observed
    laws = {breach.law for breach in found["marts.hourly_stats"].breaches}
    assert {"columns", "price above 0"} <= laws
    assert "volume ratio" not in laws, "what can be judged still is"

    write(settings, f"DELETE FROM {OHLCV_TABLE}")
    found = verdicts(settings, "marts.daily_ohlcv", "raw.binance_ohlcv")
    assert found["marts.daily_ohlcv"].passed, "of nothing, nothing can be made"
    assert not found["raw.binance_ohlcv"].passed, "but there ought to be candles"


def test_nothing_of_it_is_loaded_before_a_table_is_judged() -> None:
    code = (
        "import sys, market_assets.quality.expectations.judging;"
        "print([m for m in ('great_expectations', 'pandas', 'duckdb') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
