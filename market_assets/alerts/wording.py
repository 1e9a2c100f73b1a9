"""What alerts say: titles, messages and digests, in plain text of a bounded length."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from market_assets.schemas.alerts import Alert, AlertDelivery, AlertMember, MessageKind

_TITLE_CHARACTERS = 200
_MEMBERS_NAMED = 3
_MEMBERS_SHOWN = 10
_MESSAGES_SHOWN = 20
# Telegram takes 4096 characters, title and all; most others more.
_BODY_CHARACTERS = 3500
RUNBOOK = "docs/operations.md"
_HEADINGS: dict[MessageKind, str] = {
    "fired": "",
    "news": "",
    "reminder": "Still: ",
    "escalated": "Not acknowledged: ",
    "resolved": "Resolved: ",
    "test": "",
}


def title_of(rule: str, scope: str, members: Sequence[AlertMember]) -> str:
    """The trouble in one line."""
    words = rule.replace("_", " ").replace("api ", "API ")
    head = f"{words[:1].upper()}{words[1:]}"
    if len(members) == 1:
        where = " ".join(part for part in (scope, members[0].name) if part)
        return one_line(f"{head}{f', {where}' if where else ''}: {members[0].text}")
    named = ", ".join(member.name for member in members[:_MEMBERS_NAMED])
    more = ", ..." if len(members) > _MEMBERS_NAMED else ""
    return one_line(f"{head}{f', {scope}' if scope else ''}: {len(members)} times: {named}{more}")


def one_line(text: str) -> str:
    """No line ends within, and not too long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= _TITLE_CHARACTERS else f"{flat[: _TITLE_CHARACTERS - 3]}..."


def message_of(
    alert: Alert, kind: MessageKind, news: Sequence[AlertMember], now: datetime, ui_url: str
) -> tuple[str, str]:
    """Title and body of a message about an alert."""
    members = news or alert.members
    title = title_of(alert.rule, alert.scope, members) if news else alert.title
    lines = [f"{alert.severity}: {alert.rule.replace('_', ' ')}"]
    if kind == "resolved":
        lines[0] = f"It was {alert.severity} and is over since {_moment(now)}."
    lines += [_member_line(member) for member in members[:_MEMBERS_SHOWN]]
    if len(members) > _MEMBERS_SHOWN:
        lines.append(f"... and {len(members) - _MEMBERS_SHOWN} more")
    lines.append(f"Since: {_moment(alert.began_at)}")
    if kind != "resolved":
        lines.append(f"What to do: {RUNBOOK}#alert-{alert.rule}")
    if ui_url:
        lines.append(f"Look: {ui_url.rstrip('/')}/assets/{_asset(alert.scope)}")
    if kind in {"fired", "reminder", "escalated"}:
        lines.append(f"Acknowledge: market-assets alerts ack {alert.alert_id[:8]}")
    lines.append(f"Alert {alert.alert_id}, {alert.key}")
    return one_line(_HEADINGS[kind] + title), _cut("\n".join(lines))


def digest_of(messages: Sequence[AlertDelivery]) -> tuple[str, str]:
    """Many messages as one."""
    kinds = [message.kind for message in messages]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in _HEADINGS if kind in kinds)
    lines = [f"- {message.title}" for message in messages[:_MESSAGES_SHOWN]]
    if len(messages) > _MESSAGES_SHOWN:
        lines.append(f"... and {len(messages) - _MESSAGES_SHOWN} more")
    lines.append("All of them: market-assets alerts list")
    return f"{len(messages)} alerts: {counts}", _cut("\n".join(lines))


def _member_line(member: AlertMember) -> str:
    numbers = (("value", member.value), ("limit", member.limit))
    facts = ", ".join(f"{name} {number:g}" for name, number in numbers if number is not None)
    head = f"{member.name}: " if member.name else ""
    since = "" if member.since is None else f", since {_moment(member.since)}"
    return f"- {head}{' '.join(member.text.split())}{f' ({facts})' if facts else ''}{since}"


def _asset(scope: str) -> str:
    """The asset that a scope such as "binance ohlcv" is about; else the alerts' own."""
    parts = scope.split()
    is_table = len(parts) == 2 and parts[1] in {"ohlcv", "funding_rates", "instruments"}
    return quote(f"raw/{parts[0]}_{parts[1]}") if is_table else "ops/alerts"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _cut(text: str) -> str:
    return text if len(text) <= _BODY_CHARACTERS else f"{text[: _BODY_CHARACTERS - 3]}..."
