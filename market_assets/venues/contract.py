"""What a venue's file offers: which calls to make, and what their answers mean.

A venue is pure: it builds `Call`s and parses bodies. Sending is `_http.py`'s work alone, deciding
what is missing is the ingest's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from market_assets.schemas.timeline import NO_TIME, Window

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Bucket:
    """A limit the venue enforces: at most `limit` weight in any `seconds`."""

    name: str
    limit: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Call:
    """One GET: where, with what, and what it costs in each bucket it draws on."""

    endpoint: str  # its name in ops.requests
    path: str
    params: Mapping[str, str | int]
    costs: tuple[tuple[str, int], ...]
    symbol: str = ""
    # The span of time whose rows the answer can hold.
    window: Window = NO_TIME
    # How many rows make the answer full: a full answer may have been cut by the venue.
    limit: int = 0
    # Where an answer comes in parts: what to ask with, beside `params`, for the part after this.
    next_page: Callable[[Any], Mapping[str, str] | None] | None = None

    @property
    def weight(self) -> int:
        return sum(weight for _, weight in self.costs)


@dataclass(frozen=True, slots=True)
class Instrument:
    """One listed contract, in canonical terms. Venue, symbol and listing time are its identity."""

    venue: str
    symbol: str
    native_symbol: str
    base: str
    quote: str
    settle: str
    contract_size: float
    tick_size: float
    lot_size: float
    status: str
    listed_at: int
    delisted_at: int | None = None
    funding_interval_hours: float | None = None
    funding_cap: float | None = None
    funding_floor: float | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a venue expects of its next funding."""

    symbol: str
    predicted_rate: float
    next_funding_at: int
    mark_price: float | None


@dataclass(frozen=True, slots=True)
class Malformed:
    """A row of a page that could not be read at all."""

    payload: str
    problem: str


@dataclass(frozen=True, slots=True)
class Rows:
    """A page's rows by canonical column name, and the rows that could not be read."""

    table: pa.Table
    malformed: tuple[Malformed, ...] = ()


VerdictKind = Literal["ok", "throttled", "unavailable", "symbol_unknown", "geo_blocked", "refused"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means, whatever its HTTP status says."""

    kind: VerdictKind
    detail: str = ""
    # Epoch milliseconds until which the venue wants silence, where its body tells.
    until: int | None = None


OK = Verdict("ok")


@dataclass(frozen=True, slots=True)
class Ban:
    """How a venue says that it serves this address no more, and for how long if it doesn't say."""

    status: int = 418
    says: str = ""  # words of the answer, in lower case; a 403 can be a geo block as well
    seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class VenueLimits:
    """How much a venue serves: its buckets, page sizes and how far back it goes."""

    buckets: tuple[Bucket, ...]
    intervals: frozenset[str]
    candle_page_rows: int
    funding_page_rows: int
    # Settlements older than this can't be asked any more.
    funding_history_ms: int | None = None
    # Response header that tells the weight used in the bucket named here.
    used_weight_header: tuple[str, str] | None = None
    # Response header that tells when a throttled caller may ask again, in epoch milliseconds.
    reset_header: str | None = None
    ban: Ban = Ban()


class Venue(Protocol):
    """One exchange's dialect."""

    name: str
    limits: VenueLimits

    def judge(self, status: int, body: Any) -> Verdict:
        """Read an answer's meaning from its status and its decoded body."""

    def time_call(self) -> Call: ...

    def parse_time(self, body: Any) -> int: ...

    def instrument_calls(self) -> Sequence[Call]:
        """The calls that together describe every instrument; only the first one is essential."""

    def parse_instruments(self, bodies: Sequence[Any]) -> list[Instrument]: ...

    def candles_call(self, instrument: Instrument, interval: str, window: Window, now: int) -> Call:
        """Ask for the candles that open in `window`, at most one page long."""

    def parse_candles(self, body: Any) -> Rows: ...

    def oldest_call(self, instrument: Instrument, interval: str, oldest: int) -> Call:
        """Ask in a way that shows whether a candle older than `oldest` exists."""

    def funding_call(self, instrument: Instrument, window: Window) -> Call:
        """Ask for the settlements in `window`."""

    def parse_funding(self, body: Any) -> Rows: ...

    def prediction_call(self, instrument: Instrument) -> Call: ...

    def parse_prediction(self, body: Any, instrument: Instrument) -> Prediction: ...
