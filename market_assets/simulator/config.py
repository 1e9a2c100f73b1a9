"""Everything that can be set about the simulated exchanges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Final, TypeVar

from market_assets.simulator.instruments import VENUES, Instrument, default_instruments
from market_assets.simulator.reading import Millis, invalid, read, read_fields

CLOCK_MODES: Final = ("real", "offset", "frozen")


@dataclass(frozen=True)
class ClockConfig:
    """`real`; `offset`: runs, but from `now` or by `offset_ms`; `frozen`: stands at `now`."""

    mode: str = "real"
    now: Millis | None = None
    offset_ms: int = 0
    skew_ms: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class LimitsConfig:
    """How much the venues take; counted in real time whatever the simulated clock says."""

    enforce: bool = True
    weight_per_minute: int = 2400
    window_seconds: float = 60.0  # what counts as "a minute"; shorter for quick tests
    ignored_before_ban: int = 3
    ban_seconds: float = 120.0
    funding_requests: int = 500
    funding_window_seconds: float = 300.0
    okx_scale: float = 1.0  # multiplies the documented n per 2 s
    bybit_requests: int = 600  # in 5 s
    aster_retry_after: bool = False  # Aster's documents do not mention the header


@dataclass(frozen=True)
class Outage:
    """Nobody trades on the venue in [start, end); `down`: it does not answer then either."""

    venue: str
    start: Millis
    end: Millis
    down: bool = False


@dataclass(frozen=True)
class Correction:
    """From the simulated moment `at` on, the last minute of this hour closed elsewhere."""

    venue: str
    symbol: str
    hour: Millis
    at: Millis
    factor: float


@dataclass(frozen=True)
class ArchiveDifference:
    """In the archive alone the last minute of this hour closed elsewhere."""

    venue: str
    symbol: str
    hour: Millis
    factor: float


@dataclass(frozen=True)
class Divergence:
    """In [start, end) this venue trades at `factor` times everybody's price."""

    venue: str
    symbol: str
    start: Millis
    end: Millis
    factor: float


@dataclass(frozen=True)
class ScheduledFault:
    """A fault for the data requests number start..end (from 1, both included) of each venue."""

    fault: str
    start_request: int
    end_request: int
    venue: str | None = None


@dataclass(frozen=True)
class FaultsConfig:
    """What goes wrong: with requests (0..1 each), and with the market itself (the same always)."""

    http_429: float = 0.0
    http_418: float = 0.0
    http_500: float = 0.0
    http_502: float = 0.0
    http_503: float = 0.0
    http_403: float = 0.0
    http_451: float = 0.0
    timeout: float = 0.0
    cut_json: float = 0.0
    cut_connection: float = 0.0
    wrong_type: float = 0.0
    empty_page: float = 0.0
    okx_code: float = 0.0
    short_page: float = 0.0
    duplicates: float = 0.0
    bad_row: float = 0.0
    price_spike: float = 0.0
    retry_after: int = 1  # seconds, of http_429 and http_418
    timeout_seconds: float = 30.0
    short_page_rows: float = 0.01
    spike_factor: float = 1.5
    latency_ms: float = 0.0
    latency_jitter_ms: float = 0.0
    # "instruments", "time" and "archive" can be added.
    fault_paths: tuple[str, ...] = ("klines", "candles", "funding")
    fault_venues: tuple[str, ...] = VENUES
    schedule: tuple[ScheduledFault, ...] = ()
    zombie_candles: bool = False
    no_trade_rate: float = 0.0
    lost_rate: float = 0.0
    flat_rate: float = 0.0
    outages: tuple[Outage, ...] = ()
    corrections: tuple[Correction, ...] = ()
    divergence: tuple[Divergence, ...] = ()
    # Of the archive's files, drawn once for each (0..1): the same file has it at every ask.
    archive_missing: float = 0.0
    archive_bad_checksum: float = 0.0
    archive_truncated: float = 0.0
    archive_no_header: float = 0.0
    archive_microseconds: float = 0.0
    archive_differs: tuple[ArchiveDifference, ...] = ()


# Most drastic first: when several hit the same request, the first one in this list acts.
REQUEST_FAULTS: Final = (
    "http_418",
    "http_429",
    "http_451",
    "http_403",
    "http_500",
    "http_502",
    "http_503",
    "timeout",
    "wrong_type",
    "okx_code",
    "cut_connection",
    "cut_json",
    "empty_page",
    "short_page",
    "duplicates",
    "bad_row",
    "price_spike",
)


# What can be wrong with a file of the archive.
ARCHIVE_FAULTS: Final = (
    "archive_missing",
    "archive_bad_checksum",
    "archive_truncated",
    "archive_no_header",
    "archive_microseconds",
)

Kind = TypeVar("Kind", ClockConfig, LimitsConfig, FaultsConfig)


@dataclass(frozen=True)
class SimulatorConfig:
    """`symbols` narrows the list; `instruments` changes known symbols or adds new ones."""

    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 1
    latency_ms: float = 0.0
    clock: ClockConfig = field(default_factory=ClockConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    faults: FaultsConfig = field(default_factory=FaultsConfig)
    instruments: tuple[Instrument, ...] = field(default_factory=default_instruments)
    symbols: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.symbols is not None:
            known = {instrument.symbol: instrument for instrument in self.instruments}
            unknown = sorted(set(self.symbols) - set(known))
            if unknown:
                raise invalid("symbols", f"no instrument is called {', '.join(unknown)}")
            chosen = tuple(known[symbol] for symbol in self.symbols)
            object.__setattr__(self, "instruments", chosen)
        _check_faults(self.faults)
        _check_clock(self.clock)
        for instrument in self.instruments:
            _check_venues("instruments.venues", instrument.venues)
            try:
                instrument.volume_decimals("okx")
            except ValueError as problem:
                raise invalid("instruments", str(problem)) from problem

    @classmethod
    def from_mapping(cls, given: Mapping[str, object]) -> SimulatorConfig:
        """Reads a JSON-like mapping; raises SettingsInvalid at the first key it does not know."""
        if not isinstance(given, Mapping):
            raise invalid("the settings", "a mapping is needed")
        plain = dict(given)
        overrides = plain.pop("instruments", None)
        values = read_fields(cls, plain, "simulator")
        if overrides is not None:
            values["instruments"] = merged_instruments(default_instruments(), overrides)
        return cls(**values)

    def changed(self, section: str, given: object) -> SimulatorConfig:
        """The same with some keys of one section changed; null puts the section's defaults back."""
        if section == "clock":
            return replace(self, clock=_merged(ClockConfig, self.clock, given, section))
        if section == "limits":
            return replace(self, limits=_merged(LimitsConfig, self.limits, given, section))
        if section == "faults":
            return replace(self, faults=_merged(FaultsConfig, self.faults, given, section))
        if section == "instruments":
            return replace(
                self, symbols=None, instruments=merged_instruments(self.instruments, given)
            )
        if section == "latency_ms":
            return replace(self, **read_fields(SimulatorConfig, {section: given}, "control"))
        raise invalid(section, "cannot be changed at run time")


def merged_instruments(
    existing: tuple[Instrument, ...], overrides: object
) -> tuple[Instrument, ...]:
    """Each override names its `symbol`; the rest of a known symbol stays as it was."""
    if isinstance(overrides, str) or not isinstance(overrides, (list, tuple)):
        raise invalid("instruments", "a list is needed")
    by_symbol = {instrument.symbol: instrument for instrument in existing}
    for place, override in enumerate(overrides):
        where = f"instruments[{place}]"
        if isinstance(override, Instrument):
            by_symbol[override.symbol] = override
            continue
        values = read_fields(Instrument, override, where)
        symbol = values.get("symbol")
        if not isinstance(symbol, str):
            raise invalid(where, "has no symbol")
        if symbol in by_symbol:
            by_symbol[symbol] = replace(by_symbol[symbol], **values)
        else:
            with_base = {"base": symbol.removesuffix("USDT"), **override}
            by_symbol[symbol] = read(Instrument, with_base, where)
    return tuple(by_symbol.values())


def _merged(kind: type[Kind], current: Kind, given: object, where: str) -> Kind:
    if given is None:
        return kind()
    return replace(current, **read_fields(kind, given, where))


def _check_faults(faults: FaultsConfig) -> None:
    hourly = ("no_trade_rate", "lost_rate", "flat_rate")
    rates = (*REQUEST_FAULTS, *ARCHIVE_FAULTS, *hourly, "short_page_rows")
    for name in rates:
        if not 0.0 <= getattr(faults, name) <= 1.0:
            raise invalid(f"faults.{name}", "has to be between 0 and 1")
    _check_venues("faults.fault_venues", faults.fault_venues)
    _check_venues("faults.outages", tuple(outage.venue for outage in faults.outages))
    _check_venues("faults.corrections", tuple(item.venue for item in faults.corrections))
    _check_venues("faults.divergence", tuple(item.venue for item in faults.divergence))
    _check_venues("faults.archive_differs", tuple(item.venue for item in faults.archive_differs))
    for scheduled in faults.schedule:
        if scheduled.fault not in REQUEST_FAULTS:
            raise invalid("faults.schedule", f"no fault is called {scheduled.fault!r}")
    assert set(REQUEST_FAULTS) <= {item.name for item in fields(FaultsConfig)}


def _check_clock(clock: ClockConfig) -> None:
    if clock.mode not in CLOCK_MODES:
        raise invalid("clock.mode", f"{clock.mode!r} is none of {', '.join(CLOCK_MODES)}")
    if clock.mode == "frozen" and clock.now is None:
        raise invalid("clock.now", "a frozen clock needs the moment at which it stands")
    _check_venues("clock.skew_ms", tuple(clock.skew_ms))


def _check_venues(where: str, venues: tuple[str, ...]) -> None:
    unknown = sorted(set(venues) - set(VENUES))
    if unknown:
        raise invalid(where, f"no venue is called {', '.join(unknown)}")
