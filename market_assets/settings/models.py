"""What can be set: default, range, meaning. docs/reference/settings.md is made from here."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urljoin, urlsplit

from pydantic import AfterValidator, Field, PrivateAttr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from market_assets.errors import RequestInvalid
from market_assets.settings.alerts import AlertsSettings
from market_assets.settings.bigquery import BigQuerySettings
from market_assets.settings.costs import CostSettings
from market_assets.settings.marts import MartsSettings
from market_assets.settings.orchestration import DagsterSettings
from market_assets.settings.quality import QualitySettings
from market_assets.settings.rules import without_repeats
from market_assets.settings.section import (
    VENUE_NAMES,
    Day,
    RootedPath,
    Section,
    Symbol,
    Url,
    VenueName,
)

Interval = Literal["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d"]

VENUE_URLS: dict[VenueName, str] = {
    "binance": "https://fapi.binance.com",
    "okx": "https://openapi.okx.com",
    "aster": "https://fapi.asterdex.com",
    "bybit": "https://api.bybit.com",
}
# Off until the settings enable them: most run without.
VENUES_ON_REQUEST: frozenset[VenueName] = frozenset({"bybit"})
# Bulk files of old history. OKX lists its files by an API of its own kind and cuts days at UTC+8.
ARCHIVE_URLS: dict[VenueName, str] = {
    "binance": "https://data.binance.vision",
    "aster": "https://data.asterdex.com",
}
# Bitcoin's first year. A start in the year 202 would be 16 million hours of partitions.
FIRST_DAY = date(2009, 1, 1)
DEFAULT_SYMBOLS = ("BTCUSDT", "ETHUSDT", "UNIUSDT", "LINKUSDT", "AAVEUSDT")


class VenueSettings(Section):
    """One exchange."""

    base_url: Url = Field(
        description="Where its public REST API answers; the simulator's address works too"
    )
    archive_url: Url | None = Field(
        None, description="Where its bulk archive of daily and monthly files answers; null for none"
    )
    enabled: bool = Field(True, description="Whether to collect from it")
    symbols: Annotated[tuple[Symbol, ...], AfterValidator(without_repeats)] = Field(
        DEFAULT_SYMBOLS, min_length=1, description="Perpetual futures to collect, by canonical name"
    )
    intervals: Annotated[tuple[Interval, ...], AfterValidator(without_repeats)] = Field(
        ("1h",), min_length=1, description="Candle lengths to collect"
    )
    start: Day = Field(date(2024, 1, 1), description="First UTC day to collect")
    end: Day | None = Field(None, description="Last UTC day to collect; null goes on for ever")
    concurrency: int = Field(50, ge=1, le=200, description="Requests in flight at once")
    timeout_seconds: float = Field(
        10.0, ge=0.1, le=300, description="How long one request may take"
    )
    weight_limit_per_minute: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="Request weight to spend in a minute; null is the venue's own limit",
    )
    retention_days: int | None = Field(
        None,
        ge=1,
        le=36_500,
        description="Days its rows are kept; null is warehouse.retention_days",
    )

    @model_validator(mode="after")
    def _dates_make_sense(self) -> VenueSettings:
        today = datetime.now(UTC).date()
        if self.start > today:
            raise PydanticCustomError(
                "key:start",
                "the start is in the future",
                {"allowed": f"a day up to today, {today} UTC", "fix": f"write {today} or earlier"},
            )
        if self.start < FIRST_DAY:
            raise PydanticCustomError(
                "key:start",
                "there were no markets then",
                {"allowed": f"a day from {FIRST_DAY} on", "fix": "correct the year"},
            )
        if self.end is not None and self.start > self.end:
            raise PydanticCustomError(
                "key:start",
                "the start is after the end",
                {
                    "allowed": f"a day up to the end, {self.end}",
                    "fix": "swap them, or remove the end",
                },
            )
        return self


def _archive_of(name: VenueName, own: Mapping[str, Any]) -> str | None:
    """The venue's archive. If its API is elsewhere (a simulator), real rows must not mix in."""
    moved = own.get("base_url", VENUE_URLS[name]) != VENUE_URLS[name]
    return None if moved else ARCHIVE_URLS.get(name)


class WarehouseSettings(Section):
    """Where rows are kept."""

    engine: Literal["ducklake", "bigquery"] = Field("ducklake", description="The store")
    path: RootedPath = Field(
        Path(".state/warehouse"), description="Folder of the embedded warehouse"
    )
    lock_timeout_seconds: float = Field(
        120.0, ge=0, le=3600, description="How long a writer waits for another writer"
    )
    retention_days: int = Field(730, ge=1, le=36_500, description="Days that rows are kept")
    snapshot_days: int = Field(
        30, ge=1, le=3650, description="Days that can be looked back at as of then"
    )
    compact_every_hours: int = Field(
        24, ge=1, le=720, description="Hours between compactions of small files"
    )


class HttpSettings(Section):
    """Patience with venues."""

    attempts: int = Field(
        8, ge=1, le=50, description="Times one request is sent before it has failed"
    )
    backoff_seconds: float = Field(
        0.2, ge=0, le=60, description="First wait between attempts; it doubles, with jitter"
    )
    max_backoff_seconds: float = Field(
        20.0, ge=0, le=600, description="Longest wait between attempts"
    )
    max_pause_seconds: float = Field(
        900.0,
        ge=0,
        le=86_400,
        description="How long a run waits for a ban or a throttle before it fails as retryable",
    )
    proxy: Url | None = Field(
        None, description="Proxy to reach the venues through, such as http://10.0.0.1:3128"
    )
    breaker_failures: int = Field(
        20, ge=1, le=1000, description="Failures in a row after which nobody asks the venue"
    )
    breaker_first_pause_seconds: float = Field(
        30.0, ge=0, le=3600, description="First pause before one probe is sent"
    )
    breaker_next_pause_seconds: float = Field(
        300.0, ge=0, le=86_400, description="Pause after a probe that failed"
    )


class IngestSettings(Section):
    """How windows are collected."""

    close_grace_seconds: float = Field(
        2.0, ge=0, le=600, description="How long after its close a candle is first asked for"
    )
    confirmations: int = Field(
        3, ge=1, le=20, description="Answers that must agree before an absent candle is classified"
    )
    rounds: int = Field(
        4, ge=1, le=50, description="Times a run goes back for what is still missing"
    )
    commit_rows: int = Field(25_000, ge=100, le=10_000_000, description="Rows in one commit")


class Thresholds(Section):
    """When health checks raise an alert."""

    freshness_minutes: int = Field(120, ge=1, le=10_080, description="Age of the newest candle")
    completeness_percent: float = Field(
        95.0, ge=0, le=100, description="Least share of expected candles present"
    )
    error_rate_percent: float = Field(5.0, ge=0, le=100, description="Most requests that may fail")
    api_latency_ms: int = Field(
        5000, ge=1, le=300_000, description="Slowest p95 of a venue's answers"
    )
    daily_cost_usd: float = Field(
        1.0, ge=0, le=100_000, description="Most that a day's queries may cost"
    )
    price_jump_percent: float = Field(
        20.0,
        gt=0,
        le=1000,
        description="Largest move from one close to the next that is not suspicious",
    )
    cross_venue_percent: float = Field(
        5.0, gt=0, le=100, description="Largest distance of one venue's close from the others'"
    )


class SimulatorSettings(Section):
    """The simulated exchanges of `make demo` and of the tests."""

    port: int = Field(8900, ge=1, le=65_535, description="Port on 127.0.0.1")
    seed: int = Field(7, ge=0, le=2**32 - 1, description="The same seed makes the same market")
    latency_ms: float = Field(0.0, ge=0, le=60_000, description="Added to every answer")


class Settings(Section):
    """Everything that can be set, as `load_settings` makes it."""

    venues: dict[VenueName, VenueSettings] = Field(
        default_factory=dict, description="The exchanges, by name"
    )
    warehouse: WarehouseSettings = Field(
        default_factory=WarehouseSettings, description="Where rows are kept"
    )
    bigquery: BigQuerySettings = Field(
        default_factory=BigQuerySettings,
        description="BigQuery as the warehouse, when warehouse.engine says so",
    )
    state_dir: RootedPath = Field(
        Path(".state"),
        description="Folder of what runs share: request budgets, logs, Dagster's own state",
    )
    dagster: DagsterSettings = Field(
        default_factory=DagsterSettings, description="Dagster's storage and limits"
    )
    ui_url: Url = Field(
        "http://127.0.0.1:3000",
        description="Where Dagster's UI answers; alerts link there (demo sets it, and up if it is"
        " the default)",
    )
    docs_url: Url = Field(
        "http://127.0.0.1:3001/dbt/index.html",
        description="Where dbt's docs are served; assets link there (demo and up set it)",
    )
    metrics_url: Url = Field(
        "http://127.0.0.1:3002/metrics",
        description="Where Prometheus reads the platform's metrics; /health is beside it (demo and"
        " up set it)",
    )
    http: HttpSettings = Field(default_factory=HttpSettings, description="Patience with venues")
    ingest: IngestSettings = Field(
        default_factory=IngestSettings, description="How windows are collected"
    )
    thresholds: Thresholds = Field(
        default_factory=Thresholds, description="When health checks raise an alert"
    )
    marts: MartsSettings = Field(
        default_factory=MartsSettings, description="What dbt computes, and with which numbers"
    )
    quality: QualitySettings = Field(
        default_factory=QualitySettings, description="Checks, anomalies, repairs, reports"
    )
    costs: CostSettings = Field(
        default_factory=CostSettings, description="Prices, and what happens at the budget's end"
    )
    alerts: AlertsSettings = Field(
        default_factory=AlertsSettings, description="The watch, and whom it tells"
    )
    simulator: SimulatorSettings = Field(
        default_factory=SimulatorSettings, description="The simulated exchanges"
    )

    _file: Path | None = PrivateAttr(default=None)

    @field_validator("venues", mode="before")
    @classmethod
    def _every_venue(cls, given: Any) -> Any:
        """A file names what differs: venues and keys that it leaves out keep their defaults."""
        if not isinstance(given, Mapping | None):
            return given
        merged: dict[Any, Any] = dict.fromkeys(VENUE_NAMES) | dict(given or {})
        for name in VENUE_NAMES:
            own = merged.get(name)
            if own is None or isinstance(own, Mapping):
                merged[name] = {
                    "base_url": VENUE_URLS[name],
                    "archive_url": _archive_of(name, own or {}),
                    "enabled": name not in VENUES_ON_REQUEST,
                    **(own or {}),
                }
        return merged

    def venue(self, name: str) -> VenueSettings:
        """One venue by a name that somebody typed."""
        found = {str(known): venue for known, venue in self.venues.items()}.get(name)
        if found is None:
            near = difflib.get_close_matches(name, VENUE_NAMES, n=1)
            raise RequestInvalid(
                "Reading the request",
                f"there is no venue {name!r}",
                f"Did you mean {near[0]}?" if near else f"Venues are {', '.join(VENUE_NAMES)}",
            )
        return found

    @property
    def file(self) -> Path | None:
        """The platform.yaml that was read, None when there was none."""
        return self._file

    @property
    def report_url(self) -> str:
        """The newest quality report, which is served beside dbt's docs."""
        return urljoin(self.docs_url, "../quality/report/index.html")

    @property
    def metrics_port(self) -> int:
        """Where the exporter listens; `demo` and `up` take the next free one when it is taken."""
        address = urlsplit(self.metrics_url)
        return address.port or (443 if address.scheme == "https" else 80)

    @property
    def enabled_venues(self) -> dict[str, VenueSettings]:
        return {name: venue for name, venue in self.venues.items() if venue.enabled}

    @property
    def marts_venues(self) -> list[VenueName]:
        """Whose raw tables the marts join. One that was on by default keeps its history there when
        it is turned off; one on request, which most never have, costs nobody a scan."""
        return [n for n, v in self.venues.items() if v.enabled or n not in VENUES_ON_REQUEST]
