"""Which missing intervals to ask for again, when, and when to give up. Pure functions.

An interval is tried `attempts` times with doubling pauses. What is too old, or was tried often
enough, is given up once, which is recorded and told; from then on it is a person's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from market_assets.schemas.timeline import DAY_MS, HOUR_MS, Window, ceil_to, floor_to, merge, to_ms
from market_assets.settings.quality import RepairSettings
from market_assets.warehouse.contract import MissingSpan, RepairAttempt

# Holes that are this near to each other are brought by one run: the hours between cost nothing,
# for they are known to be complete.
TOGETHER_MS = 6 * HOUR_MS
# No longer than a run of a backfill.
LONGEST_MS = 30 * DAY_MS


@dataclass(frozen=True, slots=True)
class Repair:
    """One run to start: a venue's dataset over some hours, and the spans it is for."""

    venue: str
    dataset: str
    window: Window
    spans: tuple[MissingSpan, ...]
    attempt: int


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """What to start now, what to give up, and when to look again if nothing else happens."""

    repairs: tuple[Repair, ...] = ()
    given_up: tuple[RepairAttempt, ...] = ()
    next_look: datetime | None = None
    # Venues that have used up their runs of the day.
    out_of_budget: tuple[str, ...] = ()


def plan_repairs(
    missing: Sequence[MissingSpan],
    attempts: Sequence[RepairAttempt],
    limits: RepairSettings,
    now: datetime,
) -> RepairPlan:
    """Judge every missing span by what was tried before."""
    history = _by_series(attempts)
    due: list[tuple[MissingSpan, int]] = []
    given_up: list[RepairAttempt] = []
    waits: list[datetime] = []
    for span in missing:
        tried = [a for a in history.get(_series(span), ()) if a.span.window.overlaps(span.window)]
        if any(attempt.outcome == "given_up" for attempt in tried):
            continue
        count = max((attempt.attempt for attempt in tried), default=0)
        why = _hopeless(span, count, limits, now)
        if why:
            given_up.append(RepairAttempt(span, count, "given_up", why, now))
            continue
        last = max((attempt.attempted_at for attempt in tried), default=None)
        ready = now if last is None else last + pause_after(count, limits)
        if ready <= now:
            due.append((span, count + 1))
        else:
            waits.append(ready)
    repairs, out_of_budget = _within_budget(_grouped(due), attempts, limits, now)
    if out_of_budget:
        waits.append(now + timedelta(hours=1))
    return RepairPlan(tuple(repairs), tuple(given_up), min(waits, default=None), out_of_budget)


def pause_after(attempt: int, limits: RepairSettings) -> timedelta:
    """How long to wait after this attempt."""
    return timedelta(minutes=limits.first_pause_minutes * 2 ** (attempt - 1))


def started(repair: Repair, now: datetime) -> list[RepairAttempt]:
    """What to record about a repair that is being started."""
    return [
        RepairAttempt(span, repair.attempt, "started", span.evidence, now) for span in repair.spans
    ]


def _hopeless(span: MissingSpan, count: int, limits: RepairSettings, now: datetime) -> str | None:
    if count >= limits.attempts:
        return f"still missing after {count} attempts (quality.repair.attempts)"
    if span.window.end < to_ms(now) - limits.max_age_days * DAY_MS:
        return f"older than {limits.max_age_days} days (quality.repair.max_age_days)"
    return None


def _grouped(due: Iterable[tuple[MissingSpan, int]]) -> list[Repair]:
    """Runs over whole hours, each for neighbouring spans of one table; the newest first."""
    tables: dict[tuple[str, str], list[tuple[MissingSpan, int]]] = {}
    for span, attempt in due:
        tables.setdefault((span.venue, span.dataset), []).append((span, attempt))
    repairs = []
    for (venue, dataset), spans in tables.items():
        for window in _neighbourhoods([hours_of(span) for span, _ in spans]):
            inside = [(s, n) for s, n in spans if hours_of(s).overlaps(window)]
            repairs.append(
                Repair(
                    venue,
                    dataset,
                    window,
                    tuple(span for span, _ in inside),
                    max(attempt for _, attempt in inside),
                )
            )
    return sorted(repairs, key=lambda repair: (-repair.window.end, repair.venue, repair.dataset))


def hours_of(span: MissingSpan) -> Window:
    """The whole hours that hold the span."""
    return Window(floor_to(span.window.start, HOUR_MS), ceil_to(span.window.end, HOUR_MS))


def _neighbourhoods(windows: Sequence[Window]) -> list[Window]:
    found: list[Window] = []
    for window in merge(windows):
        near = found and window.start - found[-1].end <= TOGETHER_MS
        if near and window.end - found[-1].start <= LONGEST_MS:
            found[-1] = Window(found[-1].start, window.end)
        else:
            found.extend(window.pieces(LONGEST_MS))
    return found


def _within_budget(
    repairs: Sequence[Repair],
    attempts: Sequence[RepairAttempt],
    limits: RepairSettings,
    now: datetime,
) -> tuple[list[Repair], tuple[str, ...]]:
    """As many runs as each venue has left of its day."""
    left = {
        venue: limits.runs_a_day - runs
        for venue, runs in _runs_since(attempts, now - timedelta(days=1)).items()
    }
    chosen: list[Repair] = []
    refused: set[str] = set()
    for repair in repairs:
        budget = left.get(repair.venue, limits.runs_a_day)
        if budget <= 0:
            refused.add(repair.venue)
            continue
        left[repair.venue] = budget - 1
        chosen.append(repair)
    return chosen, tuple(sorted(refused))


def _runs_since(attempts: Iterable[RepairAttempt], since: datetime) -> Counter[str]:
    """How many runs each venue cost: the spans of a moment and a table, as they were grouped."""
    ticks: dict[tuple[str, str, datetime], list[Window]] = {}
    for attempt in attempts:
        if attempt.outcome == "started" and attempt.attempted_at > since:
            tick = (attempt.span.venue, attempt.span.dataset, attempt.attempted_at)
            ticks.setdefault(tick, []).append(hours_of(attempt.span))
    runs: Counter[str] = Counter()
    for (venue, *_), windows in ticks.items():
        runs[venue] += len(_neighbourhoods(windows))
    return runs


def _series(span: MissingSpan) -> tuple[str, str, str, str]:
    return span.venue, span.dataset, span.interval, span.symbol


def _by_series(
    attempts: Iterable[RepairAttempt],
) -> Mapping[tuple[str, str, str, str], Sequence[RepairAttempt]]:
    found: dict[tuple[str, str, str, str], list[RepairAttempt]] = {}
    for attempt in attempts:
        found.setdefault(_series(attempt.span), []).append(attempt)
    return found
