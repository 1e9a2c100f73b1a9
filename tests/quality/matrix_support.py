"""The fault matrix: a platform with a month behind it, and two days with something wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lab_support import Lab, window

from market_assets.errors import MarketAssetsError
from market_assets.ingest.archive import ingest_archive
from market_assets.ingest.job import Job
from market_assets.ingest.run import ingest
from market_assets.quality.raw_checks import RawJudge
from market_assets.quality.repair import run_repair
from market_assets.quality.repair_plan import plan_repairs
from market_assets.quality.vanished import reopen
from market_assets.schemas.datasets import DATASETS, FUNDING_RATES, OHLCV
from market_assets.schemas.timeline import Window, to_ms
from market_assets.warehouse.connection import connect
from market_assets.warehouse.layout import Layout

SYMBOLS = ("BTCUSDT", "UNIUSDT")
VENUES = ("binance", "okx", "aster")
# What came before is good, so that every rule has its statistics.
BEFORE = window("2026-02-01", "2026-03-04")
DAYS = window("2026-03-04", "2026-03-06")
NOW_MS = to_ms(datetime(2026, 3, 10, 12, 40, tzinfo=UTC))
# Faults that are properties of the market or of its files, and stay; others are of single answers.
_LASTING = ("lost_rate", "no_trade_rate", "flat_rate", "outages", "corrections", "divergence")
_LASTING_FILES = "archive_"


@dataclass(frozen=True)
class Defect:
    """What goes wrong, and exactly what the platform has to say and do about it."""

    name: str
    what: str
    # Of the simulator, while the days are read.
    faults: Mapping[str, Any] = field(default_factory=dict)
    # The venues are others from then on: clock, instruments.
    control: Mapping[str, Any] = field(default_factory=dict)
    # After the days were read: written to the store behind the platform's back, or done at the
    # venues, whose list of instruments is then read again.
    spoil: Sequence[str] = ()
    later: Mapping[str, Any] = field(default_factory=dict)
    archive_again: bool = False
    venues: tuple[str, ...] = VENUES
    # What is said about the days: failing checks (`okx_ohlcv completeness`), reasons of gaps.
    seen: frozenset[str] = frozenset()
    gaps: frozenset[str] = frozenset()
    # What brings the truth: see CURES; "at once" needs none, "a person" is who is told.
    cure: str = "at once"
    # What is still said after that: a record of what was, or what a person has to decide.
    left: frozenset[str] = frozenset()
    # All that was seen is: the market, or the record of what was held, is as it is.
    stays: bool = False
    revisions: int = 0

    @property
    def comes_later(self) -> bool:
        """Whether the days are read as they are, before anything goes wrong."""
        return not self.faults and not self.control

    @property
    def expected(self) -> Outcome:
        left = self.seen if self.stays else self.left
        return Outcome(self.seen, self.gaps, self.cure, left, self.revisions)


@dataclass(frozen=True)
class Outcome:
    """What the platform said and did."""

    seen: frozenset[str]
    gaps: frozenset[str]
    cure: str
    left: frozenset[str]
    revisions: int


def read(lab: Lab, span: Window, venues: Sequence[str], *, refresh: bool = False) -> None:
    """What the platform's runs do; one that a venue ends is over, the others go on."""
    for venue in venues:
        for job in _jobs(lab, venue, span, refresh):
            try:
                ingest(job, lab.settings, lab.lake)
            except MarketAssetsError:
                continue


def live_through(lab: Lab, defect: Defect) -> Outcome:
    """The days with the defect, then each cure in turn until what is stored is the truth.

    A defect that comes later finds the days stored already.
    """
    if not defect.comes_later:
        lab.exchange.control(**defect.control)
        _set(lab, defect.faults)
        read(lab, DAYS, defect.venues)
    _spoil(lab, defect.spoil)
    if defect.later:
        # An hour later: what was seen earlier says nothing about now.
        lab.exchange.control(clock={"advance_ms": 3_600_000})
        lab.exchange.control(**defect.later)
        for venue in defect.venues:
            ingest(Job(venue, "instruments", (), DAYS), lab.settings, lab.lake)
    if defect.archive_again:
        for venue in defect.venues:
            for job in _jobs(lab, venue, DAYS, refresh=True):
                ingest_archive(job, lab.settings, lab.lake)
    seen, gaps = judged(lab, defect.venues), _reasons(lab, defect.venues)
    lasting = {
        name: value
        for name, value in defect.faults.items()
        if name in _LASTING or name.startswith(_LASTING_FILES)
    }
    lasting |= dict(defect.later.get("faults", {}))
    cure = _cured(lab, defect, lasting)
    # Not of instruments: under a clock that stands, two looks can be of one moment.
    [told] = lab.lake.ask(
        "SELECT count(*) AS n FROM ops.revisions WHERE dataset <> 'instruments'"
    ).to_pylist()
    # Without a cure nothing was written since it was judged.
    left = seen if cure == "at once" else judged(lab, defect.venues)
    return Outcome(seen, gaps, cure, left, told["n"])


def _cured(lab: Lab, defect: Defect, lasting: Mapping[str, Any]) -> str:
    def true() -> bool:
        # What exists, without what keeps the venue from telling it.
        _set(lab, {k: v for k, v in lasting.items() if k != "lost_rate"})
        found = all(_is_true(lab, venue) for venue in defect.venues)
        _set(lab, lasting)
        return found

    if true():
        return "at once"
    for name, step in CURES.items():
        step(lab, defect.venues)
        if true():
            return name
    return "a person"


def _repair(lab: Lab, venues: Sequence[str]) -> None:
    """As the checks and the repair sensor do it."""
    for venue in venues:
        reopen(lab.lake, venue, "1h", SYMBOLS, DAYS, "checks")
    limits, now = lab.settings.quality.repair, datetime(2026, 3, 10, tzinfo=UTC)
    for one in plan_repairs(lab.lake.missing(), [], limits, now).repairs:
        run_repair(one, lab.settings, lab.lake)


CURES: dict[str, Callable[[Lab, Sequence[str]], None]] = {
    "next run": lambda lab, venues: read(lab, DAYS, venues),
    "repair": _repair,
    "reconcile": lambda lab, venues: read(lab, DAYS, venues, refresh=True),
}


def _jobs(lab: Lab, venue: str, span: Window, refresh: bool) -> Iterator[Job]:
    symbols = tuple(lab.settings.venue(venue).symbols)
    yield Job(venue, "ohlcv", symbols, span, "1h", refresh)
    yield Job(venue, "funding_rates", symbols, span, "", refresh)


def _set(lab: Lab, faults: Mapping[str, Any]) -> None:
    """These faults and no others."""
    lab.exchange.control(faults=None)
    if faults:
        lab.exchange.control(faults=dict(faults))


def _spoil(lab: Lab, statements: Sequence[str]) -> None:
    if statements:
        connection = connect(Layout(lab.lake.path))
        for statement in statements:
            connection.execute(statement)
        connection.close()


def judged(lab: Lab, venues: Sequence[str], span: Window = DAYS) -> frozenset[str]:
    """The checks that fail over a span."""
    return frozenset(
        f"{venue}_{dataset} {verdict.check}"
        for venue in venues
        for dataset in ("ohlcv", "funding_rates")
        for verdict in RawJudge(
            lab.lake, lab.settings, venue, DATASETS[dataset], span, NOW_MS
        ).verdicts()
        if not verdict.passed
    )


def _reasons(lab: Lab, venues: Sequence[str]) -> frozenset[str]:
    return frozenset(
        gap.reason
        for venue in venues
        for gaps in lab.lake.gaps(venue, OHLCV, "1h", SYMBOLS, DAYS).values()
        for gap in gaps
    )


def _is_true(lab: Lab, venue: str) -> bool:
    """Whether the venue's candles and settlements are stored as they are."""
    for symbol in SYMBOLS:
        if lab.candles(venue, symbol, DAYS) != lab.true_candles(venue, symbol, DAYS):
            return False
        told = lab.exchange.truth(f"{venue}/funding", symbol=symbol, start=DAYS.start, end=DAYS.end)
        stored = lab.lake.read(venue, FUNDING_RATES, symbols=[symbol], window=DAYS).to_pylist()
        if [_settled(row) for row in told] != [
            _settled({name: to_ms(v) if hasattr(v, "hour") else v for name, v in row.items()})
            for row in stored
        ]:
            return False
    return True


def _settled(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["timestamp"], row["raw_timestamp"], row["funding_rate"]
