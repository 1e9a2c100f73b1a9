"""One look's verdicts, brought together: all troubles of one rule in one scope are one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from market_assets.schemas.alerts import Alert, AlertMember
from market_assets.schemas.verdicts import Verdict
from market_assets.settings.alerts import ALERT_RULES, ALERT_SEVERITIES, AlertSeverity
from market_assets.settings.alerts import AlertsSettings as Settings

# What these say is about the watch itself: a look that has no other verdicts saw nothing.
_OF_THE_WATCH = ("watch_failed", "delivery_failed")


@dataclass(frozen=True, slots=True)
class Found:
    """What a look says of one key: the members that are wrong, none when all is fine."""

    rule: str
    scope: str
    members: tuple[AlertMember, ...] = ()
    severity: AlertSeverity = "info"
    is_event: bool = False
    is_failing: bool = False  # it was seen to be wrong, not only not seen to be fine
    is_silenced: bool = False  # nobody wants to hear of the rule


def key_of(rule: str, scope: str) -> str:
    return f"{rule}/{scope}" if scope else rule


def worst(severities: Iterable[AlertSeverity]) -> AlertSeverity:
    return max(severities, key=ALERT_SEVERITIES.index)


def is_silenced(rule: str, settings: Settings) -> bool:
    """Whether the rule is turned off, or no longer exists."""
    known = next((name for name in ALERT_RULES if name == rule), None)
    return known is None or settings.severity(known) == "off"


def gather(
    verdicts: Sequence[Verdict], known: Mapping[str, Alert], settings: Settings
) -> dict[str, Found]:
    """By key what was found. A key that is left out stays as it is: nobody can tell.

    An open alert that the look says nothing of is over (its job, venue or backfill has gone),
    unless the look says that it could not see: a blanket unknown of the rule, or a failed watch.
    """
    by_key: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_key.setdefault(key_of(verdict.rule, verdict.scope), []).append(verdict)
    found = {
        key: said
        for key, group in by_key.items()
        if (said := _of_group(group, known.get(key), settings)) is not None
    }
    blind = {v.rule for v in verdicts if v.state == "unknown" and not (v.scope or v.member)}
    saw = any(v.rule not in _OF_THE_WATCH for v in verdicts)
    failed = any(v.rule == "watch_failed" and v.state == "failing" for v in verdicts)
    for key, alert in known.items():
        if alert.state == "resolved":
            continue
        if is_silenced(alert.rule, settings):
            found[key] = Found(alert.rule, alert.scope, is_silenced=True)
        elif key not in by_key and saw and not failed and alert.rule not in blind:
            found[key] = Found(alert.rule, alert.scope, is_event=alert.is_event)
    return found


def _of_group(group: Sequence[Verdict], alert: Alert | None, settings: Settings) -> Found | None:
    rule, scope = group[0].rule, group[0].scope
    own = settings.severity(rule)
    if own == "off":
        return Found(rule, scope, is_silenced=True)
    members = {
        verdict.member: AlertMember(
            verdict.member, verdict.text, verdict.value, verdict.limit, verdict.since
        )
        for verdict in group
        if verdict.state == "failing"
    }
    failing = [verdict for verdict in group if verdict.state == "failing"]
    severities = [verdict.severity or own for verdict in failing]
    is_event = any(verdict.is_event for verdict in failing)
    if alert is not None and alert.state != "resolved":
        said = {verdict.member: verdict.state for verdict in group}
        unnamed = said.get("", "ok")  # the scope as a whole speaks for members that are not named
        kept = [
            member
            for member in alert.members
            if member.name not in members and said.get(member.name, unnamed) == "unknown"
        ]
        members |= {member.name: member for member in kept}
        severities += [alert.severity] * bool(kept)
        is_event = is_event or (alert.is_event and not failing)
    if not members and not any(verdict.state == "ok" for verdict in group):
        # A group of unknowns only: an alert whose members are all gone from it stays as well.
        return None
    return Found(
        rule,
        scope,
        tuple(member for _, member in sorted(members.items())),
        worst(severities or ["info"]),
        is_event,
        bool(failing),
    )
