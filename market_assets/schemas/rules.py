"""What a row must obey, one named rule each, as vectorised predicates.

A rule says which rows break it. The same rule objects serve the fast validator of the ingest and
the pandera schemas of the checks, so the two can't disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from market_assets.schemas.timeline import INTERVALS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

# Column name -> NumPy array: times as int64 milliseconds, numbers as float64 with NaN for null,
# strings as object arrays.
Arrays = Mapping[str, Any]

# No venue charges more than this in one settlement; a venue's own cap may be wider, never ours.
FUNDING_CEILING = 0.04
# Sums of rounded decimals differ in the last places: taker buys may exceed volume by this much.
ROUNDING = 1e-9
# A settlement can be stamped a little after its minute (Binance: some milliseconds).
FUNDING_JITTER_MS = 5_000


@dataclass(frozen=True, slots=True)
class Rule:
    """`broken(arrays)` is true where a row breaks the rule called `code`."""

    code: str
    description: str
    broken: Callable[[Arrays], Mask]
    # All columns the rule reads. Where one of them is null the rule has nothing to say.
    columns: tuple[str, ...]


def _mask(compared: Any) -> Mask:
    """What comparing columns gives: a mapping of arrays of several kinds has no narrower type."""
    mask: Mask = compared
    return mask


def _not_finite(*names: str) -> Callable[[Arrays], Mask]:
    def broken(arrays: Arrays) -> Mask:
        import numpy as np

        bad: Mask = np.zeros(len(arrays[names[0]]), dtype=bool)
        for name in names:
            bad |= ~np.isfinite(arrays[name])
        return bad

    return broken


def _not_positive(*names: str) -> Callable[[Arrays], Mask]:
    def broken(arrays: Arrays) -> Mask:
        import numpy as np

        bad: Mask = np.zeros(len(arrays[names[0]]), dtype=bool)
        for name in names:
            bad |= ~(arrays[name] > 0)
        return bad

    return broken


def _high_too_low(arrays: Arrays) -> Mask:
    import numpy as np

    top = np.maximum(np.maximum(arrays["open"], arrays["close"]), arrays["low"])
    return _mask(arrays["high"] < top)


def _low_too_high(arrays: Arrays) -> Mask:
    import numpy as np

    return _mask(arrays["low"] > np.minimum(arrays["open"], arrays["close"]))


def _negative(*names: str) -> Callable[[Arrays], Mask]:
    def broken(arrays: Arrays) -> Mask:
        import numpy as np

        bad: Mask = np.zeros(len(arrays[names[0]]), dtype=bool)
        for name in names:
            bad |= arrays[name] < 0
        return bad

    return broken


def _taker_exceeds(part: str, whole: str) -> Callable[[Arrays], Mask]:
    def broken(arrays: Arrays) -> Mask:
        limit = arrays[whole] * (1 + ROUNDING) + ROUNDING
        return _mask(arrays[part] > limit)

    return broken


def _off_grid(arrays: Arrays) -> Mask:
    import numpy as np

    intervals = arrays["interval"]
    moments = arrays["timestamp"]
    bad: Mask = np.ones(len(moments), dtype=bool)
    for name in set(intervals.tolist()):
        step = INTERVALS.get(name)
        if step is not None:
            rows = intervals == name
            bad[rows] = moments[rows] % step != 0
    return bad


def _funding_outside_cap(arrays: Arrays) -> Mask:
    import numpy as np

    return _mask(np.abs(arrays["funding_rate"]) > FUNDING_CEILING)


def _funding_off_minute(arrays: Arrays) -> Mask:
    import numpy as np

    drift = np.abs(arrays["raw_timestamp"] - arrays["timestamp"])
    return _mask((arrays["timestamp"] % 60_000 != 0) | (drift > FUNDING_JITTER_MS))


def _bad_symbol(arrays: Arrays) -> Mask:
    import numpy as np

    symbols = arrays["symbol"]
    bad: Mask = np.zeros(len(symbols), dtype=bool)
    # A frame has few symbols and many rows.
    for symbol in set(symbols.tolist()):
        if not (symbol and symbol == symbol.upper() and symbol.isalnum()):
            bad |= symbols == symbol
    return bad


def _not_in(name: str, allowed: frozenset[str]) -> Callable[[Arrays], Mask]:
    def broken(arrays: Arrays) -> Mask:
        import numpy as np

        return np.array([value not in allowed for value in arrays[name]], bool)

    return broken


def _ends_before_start(start: str, end: str) -> Callable[[Arrays], Mask]:
    def broken(arrays: Arrays) -> Mask:
        return _mask(arrays[end] < arrays[start])

    return broken


_SYMBOL = Rule("bad_symbol", "symbol is upper-case letters and digits", _bad_symbol, ("symbol",))

OHLCV_RULES = (
    _SYMBOL,
    Rule(
        "price_not_positive",
        "open, high, low, close > 0",
        _not_positive("open", "high", "low", "close"),
        ("open", "high", "low", "close"),
    ),
    Rule(
        "not_finite",
        "prices and volumes are finite numbers",
        _not_finite("open", "high", "low", "close", "volume", "quote_volume"),
        ("open", "high", "low", "close", "volume", "quote_volume"),
    ),
    Rule(
        "high_too_low",
        "high >= max(open, close, low)",
        _high_too_low,
        ("open", "high", "low", "close"),
    ),
    Rule("low_too_high", "low <= min(open, close)", _low_too_high, ("open", "low", "close")),
    Rule(
        "negative_volume",
        "volume, quote_volume >= 0",
        _negative("volume", "quote_volume"),
        ("volume", "quote_volume"),
    ),
    Rule("negative_trades", "num_trades >= 0", _negative("num_trades"), ("num_trades",)),
    Rule(
        "negative_taker_buy",
        "taker_buy_volume, taker_buy_quote_volume >= 0",
        _negative("taker_buy_volume", "taker_buy_quote_volume"),
        ("taker_buy_volume", "taker_buy_quote_volume"),
    ),
    Rule(
        "taker_buy_exceeds_volume",
        "taker_buy_volume <= volume",
        _taker_exceeds("taker_buy_volume", "volume"),
        ("taker_buy_volume", "volume"),
    ),
    Rule(
        "taker_buy_quote_exceeds_volume",
        "taker_buy_quote_volume <= quote_volume",
        _taker_exceeds("taker_buy_quote_volume", "quote_volume"),
        ("taker_buy_quote_volume", "quote_volume"),
    ),
    Rule(
        "off_grid",
        "timestamp is a known interval's open time",
        _off_grid,
        ("timestamp", "interval"),
    ),
)

FUNDING_RULES = (
    _SYMBOL,
    Rule("not_finite", "funding_rate is finite", _not_finite("funding_rate"), ("funding_rate",)),
    Rule(
        "funding_outside_cap",
        f"|funding_rate| <= {FUNDING_CEILING}",
        _funding_outside_cap,
        ("funding_rate",),
    ),
    Rule(
        "off_grid",
        "timestamp is a whole minute, within 5 s of the venue's own",
        _funding_off_minute,
        ("timestamp", "raw_timestamp"),
    ),
    Rule(
        "interval_not_positive",
        "interval_hours > 0",
        lambda arrays: arrays["interval_hours"] <= 0,
        ("interval_hours",),
    ),
)

PREDICTION_RULES = (
    _SYMBOL,
    Rule(
        "not_finite", "predicted_rate is finite", _not_finite("predicted_rate"), ("predicted_rate",)
    ),
)

INSTRUMENT_RULES = (
    _SYMBOL,
    Rule(
        "size_not_positive",
        "contract_size, tick_size, lot_size > 0",
        _not_positive("contract_size", "tick_size", "lot_size"),
        ("contract_size", "tick_size", "lot_size"),
    ),
    Rule(
        "unknown_status",
        "status is preopen, trading, halted, settling or delisted",
        _not_in("status", frozenset({"preopen", "trading", "halted", "settling", "delisted"})),
        ("status",),
    ),
    Rule(
        "delisted_before_listed",
        "delisted_at >= listed_at",
        _ends_before_start("listed_at", "delisted_at"),
        ("listed_at", "delisted_at"),
    ),
)

EXECUTION_RULES = (
    _SYMBOL,
    Rule(
        "size_not_positive",
        "price, quantity > 0",
        _not_positive("price", "quantity"),
        ("price", "quantity"),
    ),
    Rule(
        "unknown_side",
        "side is buy or sell",
        _not_in("side", frozenset({"buy", "sell"})),
        ("side",),
    ),
)
