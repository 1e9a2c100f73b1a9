"""Looks made by hand: a platform on which all is well, except for what a test is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from market_assets.health import Observed, Policy, evaluate, remembered
from market_assets.health.observed import PreviousLook, Series, VenueAnswers, VerdictKey
from market_assets.schemas.verdicts import Verdict

NOW = datetime(2026, 11, 21, 12, 5, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LONG_AGO = NOW - 400 * DAY
POLICY = Policy()


def series(symbol: str = "BTCUSDT", *, age: timedelta | None = 5 * MINUTE, **told: Any) -> Series:
    """An hourly series whose newest candle closed `age` before NOW and was stored a minute later.

    Without an age no row ever came.
    """
    newest = None if age is None else NOW - age
    stored = None if newest is None else newest + MINUTE
    given = {
        "venue": "binance",
        "dataset": "ohlcv",
        "interval": "1h",
        "due_every": HOUR,
        "newest_data_at": newest,
        "newest_ingestion_at": stored,
        "collect_from": LONG_AGO,
    }
    return Series(**{**given, "symbol": symbol, **told})


def funding(symbol: str = "BTCUSDT", *, age: timedelta | None = HOUR, **told: Any) -> Series:
    given = {"dataset": "funding_rates", "interval": "", "due_every": 8 * HOUR}
    return series(symbol, age=age, **{**given, **told})


def answering(venue: str = "binance", *, ago: timedelta = 3 * MINUTE, **told: Any) -> VenueAnswers:
    """A venue whose hundred requests went well, the last of them so long ago."""
    given = {"requests": 100, "p95_latency_ms": 120.0, "last_ok_at": NOW - ago}
    return VenueAnswers(venue, **{**given, **told})


def failing(venue: str = "binance", *, ago: timedelta = 3 * MINUTE, **told: Any) -> VenueAnswers:
    """A venue that has not answered for hours: twenty requests in a row timed out."""
    given = {
        "failed": {"timeout": 20},
        "last_ok_at": NOW - 4 * HOUR,
        "last_failed_at": NOW - ago,
        "failed_since_ok": {"timeout": 20},
    }
    return answering(venue, **{**given, **told})


def platform(*collected: Series, **told: Any) -> Observed:
    """A platform that has been looked at for long, with these series and answering venues."""
    venues = sorted({one.venue for one in collected})
    given = {
        "series": collected,
        "answers": tuple(answering(venue) for venue in venues),
        "gates": (),
        "began_at": LONG_AGO,
        "previous": PreviousLook(NOW - MINUTE, MINUTE),
    }
    return Observed(**{**given, **told})


def judged(observed: Observed, policy: Policy = POLICY, now: datetime = NOW) -> list[Verdict]:
    return evaluate(observed, policy, now)


def keys(verdicts: Iterable[Verdict], state: str = "failing") -> set[VerdictKey]:
    """Which rule, scope and member are in this state; not what whole rules could not see."""
    return {
        (v.rule, v.scope, v.member)
        for v in verdicts
        if v.state == state and (state == "failing" or v.scope or v.member)
    }


def one(verdicts: Iterable[Verdict], rule: str, scope: str = "", member: str = "") -> Verdict:
    """The verdict of this key; there is exactly one."""
    (found,) = [v for v in verdicts if (v.rule, v.scope, v.member) == (rule, scope, member)]
    return found


def of_rule(verdicts: Iterable[Verdict], rule: str) -> dict[tuple[str, str], str]:
    """Scope and member -> state, of one rule."""
    return {(v.scope, v.member): v.state for v in verdicts if v.rule == rule}


def after_failing(observed: Observed, *failed: VerdictKey) -> Observed:
    """The same, where the look before found these failing."""
    assert observed.previous is not None
    return replace(observed, previous=replace(observed.previous, failing=frozenset(failed)))


class Watching:
    """Looks in a row, each remembering what the one before found, as the watch does it."""

    def __init__(self, policy: Policy = POLICY, interval: timedelta = MINUTE) -> None:
        self.policy = policy
        self.interval = interval
        self.previous: PreviousLook | None = None

    def look(self, observed: Observed, now: datetime) -> list[Verdict]:
        verdicts = evaluate(replace(observed, previous=self.previous), self.policy, now)
        before = frozenset() if self.previous is None else self.previous.failing
        self.previous = PreviousLook(now, self.interval, remembered(verdicts, before))
        return verdicts

    def story(
        self,
        seen: Callable[[datetime], Observed],
        moments: Iterable[datetime],
        rule: str,
        scope: str = "",
        member: str = "",
    ) -> str:
        """How one key fares over time: `.` fine, `X` failing, `?` unknown, `-` not spoken of."""
        signs = {"ok": ".", "failing": "X", "unknown": "?"}
        told = ""
        for moment in moments:
            found = [
                verdict
                for verdict in self.look(seen(moment), moment)
                if (verdict.rule, verdict.scope, verdict.member) == (rule, scope, member)
            ]
            told += signs[found[0].state] if found else "-"
        return told


def every(step: timedelta, count: int, start: datetime = NOW) -> list[datetime]:
    return [start + step * number for number in range(count)]
