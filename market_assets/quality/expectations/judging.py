"""Judging the stored tables of a window: one verdict a table, kept in `ops.check_results`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from market_assets.quality.expectations.checkpoints import checkpoints
from market_assets.quality.expectations.mart_suites import MART_SUITES, MartSuite
from market_assets.quality.expectations.raw_suites import Subject, due_window, raw_subjects
from market_assets.quality.expectations.stored import Stored
from market_assets.quality.expectations.verdicts import Breach, Verdict, keep
from market_assets.schemas.datasets import FUNDING_RATES, OHLCV, Dataset
from market_assets.schemas.timeline import Window

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.warehouse.protocol import Warehouse

DAYS = 7
RAW_DATASETS = (OHLCV, FUNDING_RATES)


def tables_of(settings: Settings) -> list[str]:
    """Every table that has a suite, as schema.name."""
    raw = [
        f"raw.{venue}_{dataset.name}"
        for venue in settings.enabled_venues
        for dataset in RAW_DATASETS
    ]
    return raw + [suite.table for suite in MART_SUITES]


def days_before(end: date, days: int = DAYS) -> Window:
    """So many whole days before a day, which is not judged itself."""
    last = datetime.combine(end, time(), UTC)
    return Window.of(last - timedelta(days=days), last)


def judge(
    settings: Settings,
    warehouse: Warehouse,
    window: Window,
    *,
    tables: Sequence[str] = (),
    run_id: str = "",
) -> Iterator[Verdict]:
    """Verdicts on the tables, or on all that have a suite; each is recorded before it is told."""
    stored = Stored(warehouse, settings, window)
    with checkpoints(settings) as running:
        for table in tables or tables_of(settings):
            subjects = _subjects(stored, table)
            if isinstance(subjects, Verdict):
                verdict = subjects
            else:
                judged = [running.run(subject) for subject in subjects]
                verdict = Verdict(
                    table,
                    window,
                    datetime.now(UTC),
                    len(subjects[0].frame),
                    sum(len(subject.laws) for subject in subjects),
                    tuple(breach for one in judged for breach in one.breaches),
                    judged[0].page,
                )
            warehouse.record_checks([verdict.result(run_id)])
            keep(settings, verdict)
            yield verdict


def _subjects(stored: Stored, table: str) -> list[Subject] | Verdict:
    """What is to be judged of a table, or the verdict where there is nothing."""
    raw = _raw_tables(stored.settings)
    suite = _MARTS.get(table)
    if table in raw:
        venue, dataset = raw[table]
        due = bool(due_window(stored, venue))
    elif suite is not None:
        due = stored.is_expecting
    else:
        raise KeyError(f"{table} has no suite: {', '.join(tables_of(stored.settings))}")
    if table not in stored.tables:
        missing = f"there is no table {table}"
        return _nothing(stored, table, due, f"{missing}; market-assets build makes the marts")
    subjects = raw_subjects(stored, venue, dataset) if suite is None else [suite.subject(stored)]
    if not len(subjects[0].frame):
        return _nothing(stored, table, due, f"no row of {stored.window}")
    return subjects


def _nothing(stored: Stored, table: str, due: bool, observed: str) -> Verdict:
    """Nothing to judge is a failure only where there ought to be something."""
    says = "There are rows to judge"
    breaches = (Breach("rows", says, "error", observed, 0),) if due else ()
    return Verdict(table, stored.window, datetime.now(UTC), 0, 1 if due else 0, breaches)


def _raw_tables(settings: Settings) -> Mapping[str, tuple[str, Dataset]]:
    return {
        f"raw.{venue}_{dataset.name}": (venue, dataset)
        for venue in settings.enabled_venues
        for dataset in RAW_DATASETS
    }


_MARTS: dict[str, MartSuite] = {suite.table: suite for suite in MART_SUITES}
