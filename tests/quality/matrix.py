"""Every defect of the fault matrix, with what the platform has to say and do about it."""

from __future__ import annotations

from pathlib import Path

from lab_support import Lab, settings_for
from matrix_support import SYMBOLS, VENUES, Defect

from market_assets.simulator.process import RunningSimulator
from market_assets.warehouse.ducklake import DuckLakeWarehouse


def lab_of(exchange: RunningSimulator, lake: DuckLakeWarehouse, folder: Path) -> Lab:
    """Three venues with three symbols each, and the archives of those that have one."""
    given = settings_for(exchange)
    lab = Lab(exchange, lake, folder, given)
    return lab.with_settings(
        # A venue that is down stays closed for a while otherwise, here for the tests after it.
        http={"breaker_failures": 1000, "attempts": 8, "max_backoff_seconds": 0.05},
        venues={
            venue: {
                "symbols": list(SYMBOLS),
                "start": "2026-02-01",
                "timeout_seconds": 0.5,
                "archive_url": None
                if venue == "okx"
                else f"{given['venues'][venue]['base_url']}/archive",
            }
            for venue in VENUES
        },
    )


def _at(hour: int, day: int = 4) -> str:
    return f"2026-03-{day:02}T{hour:02}:00:00Z"


def _diverging(factor: float) -> dict[str, object]:
    """OKX's price of UNIUSDT times the factor, for three hours."""
    span = {"start": _at(9), "end": _at(12)}
    return {"divergence": [{"venue": "okx", "symbol": "UNIUSDT", **span, "factor": factor}]}


def _lost(**more: object) -> dict[str, object]:
    return {"lost_rate": 0.05, **more}


def _candles(check: str, *venues: str) -> frozenset[str]:
    return frozenset(f"{venue}_ohlcv {check}" for venue in venues)


def _both(check: str, *venues: str) -> frozenset[str]:
    """Of candles and of funding."""
    return _candles(check, *venues) | {f"{venue}_funding_rates {check}" for venue in venues}


def _checks(table: str, *names: str) -> frozenset[str]:
    return frozenset(f"{table} {name}" for name in names)


def _uni(factor: float) -> dict[str, object]:
    """One hour of one symbol that closed elsewhere."""
    return {"venue": "binance", "symbol": "UNIUSDT", "hour": _at(9), "factor": factor}


BINANCE, OKX, ASTER = ("binance",), ("okx",), ("aster",)
ARCHIVED = ("binance", "aster")
MISSING = frozenset({"missing"})
AWAY = ("cross_venue_divergence", "price_jump", "return_anomaly")
NO_CANDLE = _candles("completeness", *ARCHIVED)
# Stores are spoiled at one candle and one settlement of OKX, and for a day of Binance.
_CANDLE = "WHERE symbol = 'UNIUSDT' AND timestamp = '2026-03-04 07:00'"
_FUNDING = "WHERE symbol = 'UNIUSDT' AND timestamp = '2026-03-04 08:00'"
_CANDLES_OF_OKX = "lake.raw.okx_ohlcv"
_FUNDING_OF_OKX = "lake.raw.okx_funding_rates"
_CLOSE = (
    "(SELECT close FROM lake.raw.binance_ohlcv"
    " WHERE symbol = 'UNIUSDT' AND timestamp = '2026-03-04 23:00')"
)
_SILENCE = (
    f"UPDATE lake.raw.binance_ohlcv SET open = {_CLOSE}, high = {_CLOSE}, low = {_CLOSE},"
    f" close = {_CLOSE}, volume = 0, quote_volume = 0, num_trades = 0, taker_buy_volume = 0,"
    " taker_buy_quote_volume = 0 WHERE symbol = 'UNIUSDT' AND timestamp >= '2026-03-05'"
)

ANSWERS = (
    Defect(
        "bad row",
        "A candle with high below low, a negative volume or an odd time",
        faults={"schedule": [{"fault": "bad_row", "start_request": 1, "end_request": 3}]},
        venues=BINANCE,
        seen=_candles("quarantine", "binance"),
        stays=True,
    ),
    Defect(
        "duplicate",
        "A row twice in a page",
        faults={"duplicates": 1.0, "fault_paths": ["klines"]},
        venues=BINANCE,
        seen=_candles("quarantine", "binance"),
        stays=True,
    ),
    Defect("empty page", "`200 []` instead of a page", faults={"empty_page": 0.3}, venues=OKX),
    Defect(
        "short page",
        "Rows left out of every page",
        faults={"short_page": 1.0, "short_page_rows": 0.02},
        venues=BINANCE,
    ),
    Defect("cut JSON", "An answer that ends in the middle", faults={"cut_json": 0.2}, venues=ASTER),
    Defect(
        "cut connection", "A connection that breaks", faults={"cut_connection": 0.2}, venues=BINANCE
    ),
    Defect(
        "HTML for JSON",
        "A maintenance page under status 200",
        faults={"wrong_type": 0.2},
        venues=OKX,
    ),
    Defect(
        "error under 200",
        "OKX's error codes under status 200",
        faults={"okx_code": 0.2},
        venues=OKX,
    ),
    Defect(
        "timeout",
        "No answer in time",
        faults={"timeout": 0.2, "timeout_seconds": 1.0},
        venues=BINANCE,
    ),
    Defect("throttled", "429 with Retry-After", faults={"http_429": 0.2}, venues=BINANCE),
    Defect(
        "server errors",
        "500, 502 and 503",
        faults={"http_500": 0.1, "http_503": 0.1, "http_502": 0.05},
        venues=ASTER,
    ),
    Defect(
        "geo block",
        "451 to every question about data",
        faults={"http_451": 1.0},
        venues=BINANCE,
        seen=_both("completeness", "binance"),
        gaps=MISSING,
        cure="next run",
    ),
    Defect(
        "venue down",
        "503 to every question about data",
        faults={"http_503": 1.0},
        venues=ASTER,
        seen=_both("completeness", "aster"),
        gaps=MISSING,
        cure="next run",
    ),
    Defect(
        "price spike",
        "Answers with a price that never was",
        faults={"price_spike": 1.0, "fault_venues": ["binance"]},
        seen=_checks("binance_ohlcv", *AWAY),
        cure="reconcile",
        revisions=2,
    ),
)

ARCHIVES = (
    Defect(
        "lost hours",
        "Hours that were traded and that the API never serves",
        faults=_lost(),
        venues=ARCHIVED,
        seen=NO_CANDLE,
        gaps=MISSING,
        cure="repair",
    ),
    Defect(
        "lost without an archive",
        "The same at a venue that has no archive",
        faults=_lost(),
        venues=OKX,
        seen=_candles("completeness", "okx"),
        gaps=MISSING,
        cure="a person",
        stays=True,
    ),
    *(
        Defect(
            name,
            f"Lost hours, and {what}",
            faults=_lost(**{fault: 1.0}),
            venues=BINANCE,
            seen=_candles("completeness", "binance"),
            gaps=MISSING,
            cure="repair" if readable else "a person",
            stays=not readable,
        )
        for name, what, fault, readable in (
            ("checksum mismatch", "files with another checksum", "archive_bad_checksum", False),
            ("truncated zip", "files that are cut", "archive_truncated", False),
            ("no file", "days without a file", "archive_missing", False),
            ("microseconds", "files with times in microseconds", "archive_microseconds", True),
            ("no header", "files without a heading", "archive_no_header", True),
        )
    ),
    Defect(
        "archive differs",
        "The archive has another close than the API",
        faults={"archive_differs": [_uni(1.001)]},
        archive_again=True,
        venues=BINANCE,
        cure="reconcile",
        revisions=2,
    ),
)

MARKETS = (
    Defect(
        "quiet hours",
        "Hours without a trade and without a row",
        faults={"no_trade_rate": 0.05},
        venues=OKX,
        gaps=frozenset({"no_trade"}),
    ),
    Defect(
        "outage",
        "Nobody trades on a venue for hours",
        faults={"outages": [{"venue": "okx", "start": _at(3), "end": _at(8)}]},
        venues=OKX,
        gaps=frozenset({"venue_outage"}),
    ),
    Defect(
        "flat run",
        "Rows without a trade, several in a row",
        faults={"flat_rate": 0.35},
        venues=ASTER,
        seen=_candles("flat_run", "aster"),
        stays=True,
    ),
    Defect(
        "silent symbol",
        "Connected and silent: one price for a day, and no trade",
        spoil=(_SILENCE,),
        venues=BINANCE,
        seen=_checks("binance_ohlcv", "flat_run", "stale_symbol"),
        cure="reconcile",
        revisions=24,
    ),
    Defect(
        "divergence",
        "A venue 8 % away from the others",
        faults=_diverging(1.08),
        seen=_checks("okx_ohlcv", "cross_venue_divergence"),
        stays=True,
    ),
    Defect(
        "price jump",
        "A venue 40 % away for three hours",
        faults=_diverging(1.4),
        seen=_checks("okx_ohlcv", *AWAY),
        stays=True,
    ),
    Defect(
        "out of range",
        "A venue at twenty times the price",
        faults=_diverging(20.0),
        seen=_checks("okx_ohlcv", "price_out_of_range", *AWAY),
        stays=True,
    ),
    Defect(
        "late correction",
        "An hour that the venue corrects later",
        later={"faults": {"corrections": [{**_uni(1.002), "at": _at(9, 6)}]}},
        venues=BINANCE,
        cure="reconcile",
        revisions=1,
    ),
    Defect(
        "fast clock",
        "A venue's clock five minutes fast, just before a close",
        control={
            "clock": {
                "mode": "frozen",
                "now": "2026-03-05T13:57:00Z",
                "skew_ms": {"binance": 300_000},
            }
        },
        venues=BINANCE,
    ),
    Defect(
        "slow clock",
        "A venue's clock five minutes slow, just after a close",
        control={
            "clock": {
                "mode": "frozen",
                "now": "2026-03-05T14:03:00Z",
                "skew_ms": {"binance": -300_000},
            }
        },
        venues=BINANCE,
    ),
    Defect(
        "funding interval",
        "Funding every four hours from now on",
        control={
            "instruments": [
                {
                    "symbol": "UNIUSDT",
                    "funding": [{"since": 0, "hours": 8}, {"since": _at(0, 5), "hours": 4}],
                }
            ]
        },
        venues=BINANCE,
        seen=_checks("binance_funding_rates", "funding_interval_changed"),
        stays=True,
    ),
    Defect(
        "reused ticker",
        "The same name for another contract",
        control={"instruments": [{"symbol": "UNIUSDT", "listed": _at(0, 5), "price": 80.0}]},
        venues=BINANCE,
        seen=_checks("binance_ohlcv", "price_jump", "ticker_reused"),
        gaps=frozenset({"not_listed"}),
        stays=True,
    ),
    Defect(
        "delisted",
        "Rows that were printed after the end of the listing",
        later={"instruments": [{"symbol": "UNIUSDT", "delisted": _at(12)}]},
        venues=BINANCE,
        seen=_checks("binance_ohlcv", "delisted_printing"),
        cure="a person",
        stays=True,
    ),
)

STORES = (
    Defect(
        "broken stored row",
        "A stored row with high below low",
        spoil=(f"UPDATE {_CANDLES_OF_OKX} SET high = low / 2 {_CANDLE}",),
        venues=OKX,
        seen=_checks("okx_ohlcv", "ohlc_inconsistent", "schema"),
        cure="reconcile",
        revisions=1,
    ),
    Defect(
        "vanished row",
        "A stored row disappears",
        spoil=(f"DELETE FROM {_CANDLES_OF_OKX} {_CANDLE}",),
        venues=OKX,
        seen=_candles("completeness", "okx"),
        cure="repair",
    ),
    Defect(
        "stored twice",
        "A stored row is there twice",
        spoil=(f"INSERT INTO {_CANDLES_OF_OKX} SELECT * FROM {_CANDLES_OF_OKX} {_CANDLE}",),
        venues=OKX,
        seen=_checks("okx_ohlcv", "schema"),
        cure="a person",
        stays=True,
    ),
    Defect(
        "off grid",
        "A stored row between two hours",
        spoil=(
            f"UPDATE {_CANDLES_OF_OKX} SET timestamp = timestamp + INTERVAL 7 MINUTE {_CANDLE}",
        ),
        venues=OKX,
        seen=_checks("okx_ohlcv", "completeness", "off_grid", "schema"),
        cure="a person",
        left=_checks("okx_ohlcv", "off_grid", "schema"),
    ),
    Defect(
        "odd volume",
        "A volume a thousand times the usual",
        spoil=(
            f"UPDATE {_CANDLES_OF_OKX}"
            f" SET volume = volume * 1000, quote_volume = quote_volume * 1000 {_CANDLE}",
        ),
        venues=OKX,
        seen=_checks("okx_ohlcv", "volume_anomaly", "volume_outlier"),
        cure="reconcile",
        revisions=1,
    ),
    Defect(
        "funding outside its cap",
        "A rate that the instrument does not allow",
        spoil=(f"UPDATE {_FUNDING_OF_OKX} SET funding_rate = 0.03 {_FUNDING}",),
        venues=OKX,
        seen=_checks("okx_funding_rates", "funding_outside_cap"),
        cure="reconcile",
        revisions=1,
    ),
    Defect(
        "funding off its schedule",
        "A settlement stamped 20 seconds late",
        spoil=(
            f"UPDATE {_FUNDING_OF_OKX}"
            f" SET raw_timestamp = raw_timestamp + INTERVAL 20 SECOND {_FUNDING}",
        ),
        venues=OKX,
        seen=_checks("okx_funding_rates", "funding_off_schedule", "schema"),
        cure="reconcile",
        revisions=1,
    ),
)

DEFECTS = (*ANSWERS, *ARCHIVES, *MARKETS, *STORES)
