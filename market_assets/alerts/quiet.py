"""Time as alerts need it: how long ago something was, and whether people sleep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from market_assets.settings.alerts import QuietHours

# A moment further ahead than this was written by a clock that has been set back since. Smaller
# steps are what time servers do.
_CLOCK_TROUBLE = timedelta(hours=1)


def elapsed(since: datetime, now: datetime) -> timedelta:
    """How long ago that was. What a wrong clock dated into the future is as old as can be.

    Else a reminder, an escalation or a retry would wait for years.
    """
    if since - now > _CLOCK_TROUBLE:
        return timedelta.max
    return max(now - since, timedelta(0))


def is_quiet(quiet: QuietHours, now: datetime) -> bool:
    """Whether it is quiet by the wall clock of their time zone, which knows of summer time."""
    if quiet.start is None or quiet.end is None:
        return False
    wall = now.astimezone(quiet.zone).time()
    if quiet.start < quiet.end:
        return quiet.start <= wall < quiet.end
    return wall >= quiet.start or wall < quiet.end


def quiet_until(quiet: QuietHours, now: datetime) -> datetime:
    """When the quiet hours that it is in will end."""
    assert quiet.end is not None
    local = now.astimezone(quiet.zone)
    end = datetime.combine(local.date(), quiet.end, tzinfo=quiet.zone)
    if end <= local:
        end = datetime.combine(local.date() + timedelta(days=1), quiet.end, tzinfo=quiet.zone)
    return end.astimezone(UTC)
