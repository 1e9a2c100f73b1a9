"""What is watched, how bad it is, and who is told how."""

from __future__ import annotations

import contextlib
import difflib
from datetime import time
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from market_assets.settings.rules import check_time, name_rule, only_known, without_repeats
from market_assets.settings.section import Section, Symbol, VenueName

AlertRule = Literal[
    "platform_was_down",
    "venue_down",
    "freshness",
    "silent_symbol",
    "completeness",
    "error_rate",
    "api_latency",
    "api_budget",
    "check_failed",
    "run_failed",
    "backfill_failed",
    "backfill_stuck",
    "not_ticking",
    "storage_growth",
    "disk_left",
    "history_horizon",
    "instrument_changed",
    "cost_budget",
    "delivery_failed",
    "watch_failed",
    "price_threshold",
    "price_move",
    "volume_spike",
    "funding_extreme",
    "cross_venue_spread",
]
ALERT_RULES: tuple[AlertRule, ...] = get_args(AlertRule)
AlertSeverity = Literal["info", "warning", "critical"]
ALERT_SEVERITIES: tuple[AlertSeverity, ...] = get_args(AlertSeverity)
SettableSeverity = Literal["info", "warning", "critical", "off"]
MarketRule = Literal[
    "price_threshold", "price_move", "volume_spike", "funding_extreme", "cross_venue_spread"
]

_CRITICAL = {"platform_was_down", "venue_down", "freshness", "disk_left", "history_horizon"}
_INFO = {"instrument_changed", *get_args(MarketRule)}
DEFAULT_ALERT_SEVERITIES: dict[AlertRule, AlertSeverity] = {
    rule: "critical" if rule in _CRITICAL else "info" if rule in _INFO else "warning"
    for rule in ALERT_RULES
}
LOG_CHANNEL = "log"


def _zone(name: str) -> str:
    # The list of all reads 600 files, 50 ms of each process's start: only a mistake needs it.
    with contextlib.suppress(KeyError, ValueError, OSError):
        return ZoneInfo(name).key
    near = difflib.get_close_matches(name, available_timezones(), n=1)
    raise PydanticCustomError(
        "refused",
        "there is no such time zone",
        {
            "allowed": "a name of the IANA database, such as UTC or Europe/Berlin",
            "fix": f"write {near[0]}" if near else "write UTC",
        },
    )


_PLAIN = "small letters, digits and _, beginning with a letter"
ChannelName = Annotated[
    str, AfterValidator(name_rule(r"[a-z][a-z0-9_]{0,39}", f"{_PLAIN}; 40 at most", "slack"))
]
SecretName = Annotated[
    str,
    AfterValidator(
        name_rule(
            r"[a-z][a-z0-9_]{0,60}",
            f"the name of a secret, not the URL: {_PLAIN}; 61 at most",
            "slack_url, and set MARKET_ASSETS_SECRET_SLACK_URL to the URL",
        )
    ),
]
MarketName = Annotated[
    str,
    AfterValidator(
        name_rule(
            r"[a-z0-9][a-z0-9_-]{0,59}",
            "small letters, digits, _ and -, beginning with a letter or digit; 60 at most",
            "btc-100k",
        )
    ),
]
Channels = Annotated[tuple[ChannelName, ...], AfterValidator(without_repeats)]


Clock = Annotated[time | None, BeforeValidator(check_time)]


class ChannelSettings(Section):
    """One way to reach people, besides the log."""

    name: ChannelName = Field(description="What routes call it")
    url_secret: SecretName = Field(
        description="Name of the secret that holds its Apprise URL: slack_url is read from"
        " MARKET_ASSETS_SECRET_SLACK_URL",
    )


class RouteSettings(Section):
    """Which channels hear of an alert, by its severity."""

    info: Channels = Field((LOG_CHANNEL,), description="Channels of what is only worth knowing")
    warning: Channels = Field((LOG_CHANNEL,), description="Channels of what wants attention today")
    critical: Channels = Field((LOG_CHANNEL,), description="Channels of what wants attention now")
    escalation: Channels = Field(
        (), description="Channels that also hear of what nobody has acknowledged in time"
    )


class QuietHours(Section):
    """A part of each day in which only what is critical is told; the rest waits for its end."""

    start: Clock = Field(None, description="When it begins, as 22:00; null for none")
    end: Clock = Field(None, description="When it ends, as 07:00, maybe the next day")
    time_zone: Annotated[str, AfterValidator(_zone)] = Field(
        "UTC", description="IANA time zone of both"
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> QuietHours:
        if (self.start is None) != (self.end is None) or (self.start and self.start == self.end):
            raise PydanticCustomError(
                "key:start",
                "quiet hours need a start and another end",
                {"allowed": "both, or none of them", "fix": "write start: 22:00 and end: 07:00"},
            )
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class DeliverySettings(Section):
    """How hard the platform tries to deliver one message."""

    attempts: int = Field(
        6, ge=1, le=50, description="Times a message is sent before it has failed"
    )
    first_pause_seconds: float = Field(
        30.0, ge=0, le=86_400, description="Wait after the first attempt; it doubles"
    )
    timeout_seconds: float = Field(
        10.0, ge=0.1, le=60, description="How long a channel may take to accept a message"
    )


class MarketAlert(Section):
    """A condition on the market that somebody wants to hear of."""

    name: MarketName = Field(description="What the alert is called")
    rule: MarketRule = Field(description="What is compared")
    venue: VenueName | None = Field(None, description="The exchange; null for each of them")
    symbol: Symbol | None = Field(None, description="The symbol; null for each of them")
    above: float | None = Field(
        None,
        allow_inf_nan=False,
        description="Fires when the value is above: a price, a move of one hour in percent, a"
        " volume in multiples of its 24 hour average, an annualised funding rate in percent, or the"
        " distance of venues in percent",
    )
    below: float | None = Field(
        None, allow_inf_nan=False, description="Fires when the value is below"
    )
    severity: AlertSeverity = Field("info", description="How bad it is")

    @model_validator(mode="after")
    def _has_a_limit(self) -> MarketAlert:
        if self.above is None and self.below is None:
            raise PydanticCustomError(
                "key:above",
                "it has no limit",
                {"allowed": "above, below or both", "fix": "add above: or below:"},
            )
        if self.above is not None and self.below is not None and self.below >= self.above:
            raise PydanticCustomError(
                "key:below",
                "every value is above the one limit or below the other",
                {"allowed": f"less than above, {self.above:g}", "fix": "swap them"},
            )
        if self.rule == "price_threshold" and self.symbol is None:
            raise PydanticCustomError(
                "key:symbol",
                "a price without its symbol",
                {"allowed": "a symbol", "fix": "add symbol: BTCUSDT, or the one that is meant"},
            )
        return self


class WatchLimits(Section):
    """Limits of the watch that are no thresholds of the data."""

    error_window_minutes: int = Field(
        60, ge=1, le=1440, description="Minutes of requests that rates and latencies are made of"
    )
    error_least_requests: int = Field(
        20, ge=1, le=100_000, description="Requests without which there is no error rate"
    )
    completeness_days: int = Field(
        2, ge=1, le=365, description="Days up to now whose completeness is watched"
    )
    budget_percent: float = Field(
        90.0, ge=1, le=100, description="Share of a venue's request budget in use that is told"
    )
    silent_minutes: int = Field(
        180,
        ge=1,
        le=10_080,
        description="Minutes without a new row of a symbol whose venue answers and sends others'",
    )
    backfill_stuck_minutes: int = Field(
        120, ge=1, le=10_080, description="Minutes without progress after which a backfill is stuck"
    )
    tick_minutes: int = Field(
        10,
        ge=1,
        le=1440,
        description="Minutes beyond its time that a schedule or sensor may be late",
    )
    run_failures_hours: int = Field(
        24,
        ge=1,
        le=720,
        description="Hours for which a failed run is told unless one succeeds after",
    )
    disk_free_percent: float = Field(5.0, ge=0, le=90, description="Least share of the disk left")
    disk_free_gib: float = Field(2.0, ge=0, le=100_000, description="Least space left on the disk")
    storage_growth_percent_a_day: float = Field(
        50.0, ge=0, le=100_000, description="Most that the warehouse may grow in a day"
    )
    horizon_days: int = Field(
        7, ge=1, le=365, description="Days before un-fetched rows fall off a venue's history"
    )
    instrument_hours: int = Field(
        24, ge=1, le=720, description="Hours for which a changed instrument is told"
    )


class AlertsSettings(Section):
    """The watch, and whom it tells."""

    enabled: bool = Field(True, description="Whether the watch looks by itself")
    interval_seconds: int = Field(60, ge=5, le=3600, description="Seconds between two looks")
    severities: dict[AlertRule, SettableSeverity] = Field(
        default_factory=dict,
        description="How bad an alert is: info, warning, critical or off; what is left out keeps"
        " its own",
    )
    for_minutes: float = Field(
        0.0, ge=0, le=1440, description="How long something must be wrong before it is told"
    )
    cooldown_minutes: float = Field(
        15.0,
        ge=0,
        le=10_080,
        description="Minutes after its resolution in which an alert that fires again opens the old"
        " one, without another message",
    )
    repeat_minutes: float = Field(
        720.0,
        ge=0,
        le=43_200,
        description="Minutes between reminders of what still fires; 0 for none",
    )
    escalate_minutes: float = Field(
        60.0,
        ge=0,
        le=43_200,
        description="Minutes after which a critical alert that nobody has acknowledged goes to the"
        " escalation channels; 0 for never",
    )
    channels: tuple[ChannelSettings, ...] = Field(
        (), description="Ways to reach people besides the log"
    )
    routes: RouteSettings = Field(
        default_factory=RouteSettings, description="Which channels hear of what"
    )
    quiet_hours: QuietHours = Field(
        default_factory=QuietHours, description="When only what is critical is told"
    )
    delivery: DeliverySettings = Field(
        default_factory=DeliverySettings, description="How hard it tries to deliver"
    )
    limits: WatchLimits = Field(default_factory=WatchLimits, description="More limits of the watch")
    market: tuple[MarketAlert, ...] = Field(
        (), description="Conditions on the market that somebody wants to hear of"
    )

    @field_validator("severities", mode="before")
    @classmethod
    def _known_rules(cls, given: Any) -> Any:
        return only_known(given, ALERT_RULES, "alert")

    @model_validator(mode="after")
    def _names_fit(self) -> AlertsSettings:
        names = [channel.name for channel in self.channels]
        _refuse_repeats("channels", "channel", names)
        _refuse_repeats("market", "market alert", [alert.name for alert in self.market])
        if LOG_CHANNEL in names:
            raise PydanticCustomError(
                "key:channels",
                "the log is always there",
                {"allowed": "other names", "fix": f"rename the channel {LOG_CHANNEL}"},
            )
        known = {LOG_CHANNEL, *names}
        for severity, routed in self.routes:
            for name in routed:
                if name not in known:
                    near = difflib.get_close_matches(name, known, n=1)
                    raise PydanticCustomError(
                        f"key:routes.{severity}",
                        f"{severity} goes to a channel that is not there: {name}",
                        {
                            "allowed": ", ".join(sorted(known)),
                            "fix": f"write {near[0]}" if near else "add it to alerts.channels",
                        },
                    )
        return self

    def severity(self, rule: AlertRule) -> SettableSeverity:
        """How bad an alert of this rule is."""
        return self.severities.get(rule, DEFAULT_ALERT_SEVERITIES[rule])


def _refuse_repeats(key: str, what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise PydanticCustomError(
                f"key:{key}",
                f"the {what} {name} is there twice",
                {"allowed": "every name once", "fix": "rename one of them"},
            )
