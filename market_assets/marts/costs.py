"""What a build costs: for each model and test the tables, columns and days that its SQL reads.

Told by the engine's plan of the SQL that dbt compiled. A plan is made once for each text of a model
and kept: its days are remembered by their distance from the days that are built.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from market_assets.marts.nodes import Nodes
from market_assets.marts.results import Result
from market_assets.warehouse.estimate import Scan, Statement

if TYPE_CHECKING:
    from market_assets.marts.project import Project
    from market_assets.warehouse.protocol import Warehouse

_EPOCH = date(1970, 1, 1)
_DAY = re.compile(r"'\d{4}-\d{2}-\d{2}")
MART, CHECK = "mart", "check"


@dataclass(frozen=True, slots=True)
class Days:
    """The days that a build makes, numbered since 1970; None is the whole history."""

    first: int | None
    last: int | None

    @classmethod
    def of(cls, first: date | None, last: date | None) -> Days:
        return cls(*((None if day is None else (day - _EPOCH).days) for day in (first, last)))

    def relative(self, scan: Scan) -> Scan:
        """The scan with its days told from the first day of the build."""
        return self._moved(scan, -1)

    def absolute(self, scan: Scan) -> Scan:
        return self._moved(scan, 1)

    def _moved(self, scan: Scan, sign: int) -> Scan:
        # A first day is some days before the build's first, a last day before its last.
        return replace(
            scan,
            first_day=_add(scan.first_day, self.first, sign),
            last_day=_add(scan.last_day, self.last, sign),
        )


def statements(
    nodes: Nodes, results: Iterable[Result], reads: Mapping[str, Sequence[Scan]], days: Days
) -> list[Statement]:
    """One for each model that was built and each test that was run.

    A model is a SELECT into a temporary table, and a MERGE that puts it in the place of its days. A
    view is only defined, which is free.
    """
    views = {mart.unique_id for mart in nodes.marts if mart.is_view}
    tested = {check.unique_id: check.mart for check in nodes.checks}
    found = []
    for result in results:
        scans = tuple(reads.get(result.unique_id, ()))
        if result.built:
            asset = f"marts.{result.name}"
            if result.unique_id in views:
                found.append(Statement(MART, asset=asset))
                continue
            # All columns twice: once in the temporary table, once in the days that are replaced.
            replaced = Scan(asset, None, days.first, days.last, rewrites=True)
            found.append(Statement(MART, (*scans, replaced), (0,), asset))
        elif result.tested and result.unique_id in tested:
            found.append(Statement(CHECK, scans, asset=f"marts.{tested[result.unique_id]}"))
    return found


def charge(
    project: Project,
    warehouse: Warehouse,
    results: Sequence[Result],
    first: date | None,
    last: date | None,
) -> None:
    """Note what a build has cost; the context says for which run."""
    executed = [result for result in results if result.built or result.tested]
    if not executed:
        return
    days = Days.of(first, last)
    reads = Reads(project.target / "reads.json").of(warehouse, executed, days)
    warehouse.note(statements(project.nodes(), executed, reads, days))


@dataclass(frozen=True, slots=True)
class Reads:
    """What each text reads, kept in a file: planning all of them takes seconds."""

    file: Path

    def of(
        self, warehouse: Warehouse, results: Sequence[Result], days: Days
    ) -> dict[str, list[Scan]]:
        """By the node's id; a node whose text cannot be planned any more reads nothing."""
        known = self._kept()
        texts = {result.unique_id: result for result in results if result.sql}
        keys = {unique_id: _key(result.sql) for unique_id, result in texts.items()}
        new = [unique_id for unique_id, key in keys.items() if key not in known]
        if new:
            with warehouse.planning() as reads_of:
                for unique_id in new:
                    scans = reads_of(texts[unique_id].sql)
                    known[keys[unique_id]] = [days.relative(scan) for scan in scans]
            self._keep(known)
        return {
            unique_id: [days.absolute(scan) for scan in known[key]]
            for unique_id, key in keys.items()
        }

    def _kept(self) -> dict[str, list[Scan]]:
        try:
            told = json.loads(self.file.read_text(encoding="utf-8"))
            return {
                key: [
                    Scan(table, None if columns is None else tuple(columns), first, last)
                    for table, columns, first, last in scans
                ]
                for key, scans in told.items()
            }
        except (OSError, ValueError):
            return {}

    def _keep(self, reads: Mapping[str, Sequence[Scan]]) -> None:
        told = {
            key: [(s.table, s.columns, s.first_day, s.last_day) for s in scans]
            for key, scans in reads.items()
        }
        draft = self.file.with_suffix(".draft")
        draft.write_text(json.dumps(told), encoding="utf-8")
        draft.replace(self.file)


def _key(sql: str) -> str:
    """The same for the same text over other days."""
    return hashlib.sha256(_DAY.sub("'", sql).encode()).hexdigest()[:32]


def _add(day: int | None, edge: int | None, sign: int) -> int | None:
    return None if day is None else day + sign * (edge or 0)
