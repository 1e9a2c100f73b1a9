"""A venue that gives no usable answers, however often it is asked.

It is down when the last answers in a row all failed (policy.failures_in_a_row), or when the
circuit breaker has opened. It is up again with the next good answer *and* its rows caught up:
otherwise the same outage would be told a second time as stale data. That is waited for until
policy.catch_up after the time at which rows are due again, counted from the last failure (whoever
asks hourly finds the venue up an hour after it was down); then freshness speaks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from market_assets.health.freshness import newest_answer
from market_assets.health.look import Look
from market_assets.health.observed import VenueAnswers, VenueGate
from market_assets.health.words import moment
from market_assets.schemas.verdicts import Verdict

# Answers that are the venue's no to one request or to our pace, not its absence.
NOT_DOWN = frozenset({"refused", "symbol_unknown", "throttled", "banned"})
# Our own giving up is no answer at all.
NOT_ANSWERS = frozenset({"cancelled"})


def judge(look: Look) -> Iterator[Verdict]:
    gates = {gate.venue: gate for gate in look.observed.gates or ()}
    due = most_frequent(look)
    for answers in look.observed.answers or ():
        yield _verdict(look, answers, gates.get(answers.venue), due)


def most_frequent(look: Look) -> Mapping[str, timedelta]:
    """Of each venue, how often its most frequent rows are due."""
    due: dict[str, timedelta] = {}
    for age in look.ages or ():
        venue = age.series.venue
        due[venue] = min(due.get(venue, age.series.due_every), age.series.due_every)
    return due


def unanswered(failed: Mapping[str, int]) -> int:
    """How many failures say that the venue is not there."""
    return sum(
        count
        for outcome, count in failed.items()
        if outcome not in NOT_DOWN and outcome not in NOT_ANSWERS
    )


def _verdict(
    look: Look,
    answers: VenueAnswers,
    gate: VenueGate | None,
    due: Mapping[str, timedelta],
) -> Verdict:
    venue, limit = answers.venue, float(look.policy.failures_in_a_row)
    in_a_row = unanswered(answers.failed_since_ok)
    asked = newest_answer(answers)
    # An old failure says nothing about now, once it was time to ask again and nobody did.
    usual = due.get(venue, timedelta())
    patience = look.policy.error_window + usual
    opened = None if gate is None else gate.circuit_open_until
    is_open = opened is not None and look.now - opened <= patience
    if asked is None and not is_open:
        return Verdict("venue_down", venue, "", "unknown", f"nobody has asked {venue} yet")
    value = float(in_a_row)
    if is_open or in_a_row >= limit:
        if asked is not None and look.now - asked > patience and not is_open:
            text = f"{venue} did not answer at {moment(asked)}, and nobody has asked it since"
            return Verdict("venue_down", venue, "", "unknown", text, value, limit)
        text = _down(answers, in_a_row, gate if is_open else None)
        # Since when is not known: the last good answer may be an hour older than the first bad.
        return Verdict("venue_down", venue, "", "failing", text, value, limit)
    waiting = look.alone.get(venue, 0)
    if ("venue_down", venue, "") in look.failed_before and waiting:
        failed_at = answers.last_failed_at
        if failed_at is not None and look.now - failed_at < usual + look.policy.catch_up:
            text = f"{venue} answers again; {waiting} of its series are not caught up yet"
            return Verdict("venue_down", venue, "", "failing", text, value, limit)
    if answers.last_ok_at is None:
        text = f"{venue} has not given a good answer yet, {in_a_row} failed in a row"
        return Verdict("venue_down", venue, "", "unknown", text, value, limit)
    text = f"last good answer {moment(answers.last_ok_at)}, {in_a_row} failed since"
    return Verdict("venue_down", venue, "", "ok", text, value, limit)


def _down(answers: VenueAnswers, in_a_row: int, gate: VenueGate | None) -> str:
    last = f"since {moment(answers.last_ok_at)}" if answers.last_ok_at else "ever"
    text = f"{answers.venue} has given no good answer {last}, {in_a_row} failed in a row"
    worst = [f"{count} {outcome}" for outcome, count in sorted(answers.failed_since_ok.items())]
    text += f" ({', '.join(worst)})" if worst else ""
    if gate is not None and gate.circuit_open_until is not None:
        text += f"; nobody asks it before {moment(gate.circuit_open_until)}: {gate.reason}"
    return text
