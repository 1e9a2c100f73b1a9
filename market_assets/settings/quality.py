"""What is odd, how bad that is, and how far the platform goes to repair itself."""

from __future__ import annotations

from typing import Any, Literal, cast, get_args

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from market_assets.settings.rules import only_known
from market_assets.settings.section import Section

CheckName = Literal[
    "schema",
    "quarantine",
    "completeness",
    "off_grid",
    "ohlc_inconsistent",
    "price_out_of_range",
    "price_jump",
    "volume_outlier",
    "return_anomaly",
    "volume_anomaly",
    "cross_venue_divergence",
    "flat_run",
    "stale_symbol",
    "delisted_printing",
    "ticker_reused",
    "funding_off_schedule",
    "funding_interval_changed",
    "funding_outside_cap",
]
CHECK_NAMES: tuple[CheckName, ...] = get_args(CheckName)
# What breaks the promise stops what is built on it; what is only odd is told.
SEVERITIES: dict[CheckName, Literal["error", "warn"]] = {
    name: "error" if name in ("schema", "completeness", "off_grid", "ohlc_inconsistent") else "warn"
    for name in CHECK_NAMES
}

Severity = Literal["error", "warn", "off"]


class RepairSettings(Section):
    """How hard the platform tries for what is missing."""

    enabled: bool = Field(True, description="Whether missing intervals are asked for again")
    # Eight attempts with doubling pauses from half an hour on reach over 63 hours: the archive's
    # file of a day is there long before the last of them.
    attempts: int = Field(
        8, ge=1, le=100, description="Times one interval is asked for before it is given up"
    )
    first_pause_minutes: float = Field(
        30.0, ge=0, le=10_080, description="Wait after the first attempt; it doubles"
    )
    max_age_days: int = Field(
        730, ge=1, le=36_500, description="Age beyond which nothing is repaired"
    )
    runs_a_day: int = Field(
        48, ge=1, le=10_000, description="Most repair runs that a venue may cost in 24 hours"
    )


class QualitySettings(Section):
    """Asset checks, anomalies, repairs and the daily report."""

    severities: dict[CheckName, Severity] = Field(
        default_factory=dict,
        description="How bad a check's failure is: error, warn or off; what is left out keeps its"
        " own",
    )
    look_back_hours: int = Field(
        24,
        ge=1,
        le=24 * 30,
        description="Hours before a run's own that its checks judge again, so that what is odd"
        " stays in sight for so long",
    )
    stale_candles: int = Field(
        12,
        ge=2,
        le=10_000,
        description="Candles in a row that repeat one price before a symbol counts as silent",
    )
    anomaly_days: int = Field(30, ge=7, le=365, description="Days that an anomaly score looks back")
    anomaly_least: int = Field(
        14,
        ge=3,
        le=365,
        description="Days that values are needed of, without which there is no score",
    )
    anomaly_score: float = Field(
        8.0, gt=0, le=1000, description="Robust deviations from which a value is an anomaly"
    )
    repair: RepairSettings = Field(
        default_factory=RepairSettings, description="How hard it tries for what is missing"
    )

    @model_validator(mode="after")
    def _anomalies_can_have_enough(self) -> QualitySettings:
        if self.anomaly_least > self.anomaly_days:
            raise PydanticCustomError(
                "key:anomaly_least",
                "more days are needed than are looked at",
                {
                    "allowed": f"up to anomaly_days, {self.anomaly_days}",
                    "fix": f"write {self.anomaly_days} or lower",
                },
            )
        return self

    @field_validator("severities", mode="before")
    @classmethod
    def _known_checks(cls, given: Any) -> Any:
        return only_known(given, CHECK_NAMES, "check")

    def severity(self, check: str) -> Severity:
        """How bad a failure of this check is."""
        name = cast("CheckName", check)  # another one is a KeyError
        return self.severities.get(name, SEVERITIES[name])
