"""Rows that do not come: of a whole dataset (freshness), or of one symbol among others (silent).

A series is silent where another symbol of its venue, dataset and interval is fresh: then we are
up and the venue sends. Its freshness is unknown meanwhile, and silent_symbol speaks of it, with a
limit of its own. Where no symbol is fresh, freshness speaks; that its venue is down or that we
are is told by their own rules, which silence this one (inhibition.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from market_assets.health.look import Age, Look, member_of, peers_of, scope_of
from market_assets.health.observed import VenueAnswers
from market_assets.health.words import length, minutes, moment
from market_assets.schemas.verdicts import Verdict

NOT_OWED = {
    "not_begun": "nothing is due yet",
    "ended": "collected to its end: delisted, or the configured last day has passed",
    "halted": "the venue says that it does not trade now",
}


# Phases of which nobody knows how old the newest row is.
UNTOLD = frozenset({"unknown", "ahead"})


def judge(look: Look) -> Iterator[Verdict]:
    ages = look.ages or ()
    answers = {one.venue: one for one in look.observed.answers or ()}
    for age in ages:
        # A series that is stale is not fresh itself: those counted are the others.
        others = look.fresh.get(peers_of(age.series), 0)
        yield _freshness(look, age, others, answers.get(age.series.venue))
        if age.data > look.policy.silent or age.phase in UNTOLD:
            yield _silence(look, age, others)
    # 500 symbols that are not silent are one sentence.
    for scope in sorted({scope_of(age.series) for age in ages}):
        yield Verdict("silent_symbol", scope, "", "ok", "of all others rows come")


def _freshness(look: Look, age: Age, others: int, answers: VenueAnswers | None) -> Verdict:
    series, limit = age.series, age.limit
    scope, member = scope_of(series), member_of(series)
    if age.phase in NOT_OWED:
        return Verdict("freshness", scope, member, "ok", NOT_OWED[age.phase])
    if age.phase == "unknown":
        text = "no row yet, and nobody knows since when one is due"
        return Verdict("freshness", scope, member, "unknown", text)
    if age.phase == "ahead":
        text = "its newest row lies in the future: this machine's clock or the row is wrong"
        return Verdict("freshness", scope, member, "unknown", text)
    value, most = minutes(age.oldest), minutes(limit)
    if not age.is_stale:
        if age.phase == "waiting":
            text = f"no row yet, {value:.0f} min after the first was due (limit {most:.0f})"
            return Verdict("freshness", scope, member, "unknown", text, value, most)
        text = f"newest row {value:.0f} min old (limit {most:.0f})"
        return Verdict("freshness", scope, member, "ok", text, value, most)
    text = f"{_facts(age)} (limit {most:.0f})"
    since = look.now - age.oldest + limit
    if others and not _has_failed(look, scope, member):
        text += "; other symbols have new rows, so it is told as silent_symbol"
        return Verdict("freshness", scope, member, "unknown", text, value, most, since)
    if look.is_catching_up:
        text += "; the platform has just started and catches up"
        return Verdict("freshness", scope, member, "unknown", text, value, most, since)
    text += f"; {_why(look, answers)}"
    return Verdict("freshness", scope, member, "failing", text, value, most, since)


def _has_failed(look: Look, scope: str, member: str) -> bool:
    """What was told as stale stays so until a row comes: the same silence gets no second name."""
    return ("freshness", scope, member) in look.failed_before


def _facts(age: Age) -> str:
    newest, ingested = age.series.newest_data_at, age.series.newest_ingestion_at
    if newest is None:
        return f"no row ever came, {length(age.data)} after the first was due"
    facts = f"newest data of {moment(newest)}, {minutes(age.data):.0f} min old"
    if ingested is not None:
        facts += f", stored {moment(ingested)}"
    return facts


def _why(look: Look, answers: VenueAnswers | None) -> str:
    if answers is None:
        return "nobody knows whether the venue answers"
    asked = newest_answer(answers)
    if asked is None:
        return f"nobody has ever asked {answers.venue}"
    if look.now - asked > look.policy.freshness:
        return f"nobody has asked {answers.venue} since {moment(asked)}"
    if answers.last_ok_at is not None and asked == answers.last_ok_at:
        return f"{answers.venue} answers ({moment(asked)}) and sends nothing new"
    return f"{answers.venue} last failed to answer {moment(asked)}"


def newest_answer(answers: VenueAnswers) -> datetime | None:
    """When a venue was last asked, whatever came of it."""
    told = (answers.last_ok_at, answers.last_failed_at)
    return max((at for at in told if at is not None), default=None)


def _silence(look: Look, age: Age, others: int) -> Verdict:
    series = age.series
    scope, member = scope_of(series), member_of(series)
    if age.phase in UNTOLD:
        return Verdict("silent_symbol", scope, member, "unknown", "its age is not known")
    limit = look.policy.age_limit(look.policy.silent, series.due_every)
    # Silence is of the data: an archive's old rows, stored just now, do not end it.
    value, most = minutes(age.data), minutes(limit)
    if age.data <= limit:
        text = f"newest row {value:.0f} min old (limit {most:.0f})"
        return Verdict("silent_symbol", scope, member, "ok", text, value, most)
    since = look.now - age.data + limit
    text = f"{_facts(age)} (limit {most:.0f}); "
    if not others:
        text += "no other symbol has new rows either, so it is told as freshness"
    elif _has_failed(look, scope, member):
        text += "it is still told as freshness"
    elif look.is_catching_up:
        text += "the platform has just started and catches up"
    else:
        text += f"{series.venue} sends new rows of {others} other symbol{'s' * (others > 1)}"
        return Verdict("silent_symbol", scope, member, "failing", text, value, most, since)
    return Verdict("silent_symbol", scope, member, "unknown", text, value, most, since)
