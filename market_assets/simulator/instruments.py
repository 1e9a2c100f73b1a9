"""Which contracts the venues list, since when, until when, and in what units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from market_assets.simulator.manners import DELISTING_NOTICE_MS, MANNERS
from market_assets.simulator.reading import Millis, millis

VENUES: Final = tuple(MANNERS)
DEFAULT_FUNDING_CAP: Final = 0.02
_LONG_AGO: Final = millis("2020-01-01")


@dataclass(frozen=True)
class FundingPeriod:
    """From `since` on, funding is settled every `hours` hours (at whole multiples of it, UTC)."""

    since: Millis
    hours: int


@dataclass(frozen=True)
class Instrument:
    """One USDT-margined perpetual, the same on each of its venues but for the units."""

    symbol: str
    base: str
    quote: str = "USDT"
    listed: Millis = _LONG_AGO
    delisted: Millis | None = None
    price: float = 10.0
    volatility: float = 0.0009  # of one minute, as a fraction of the price
    minute_volume: float = 1000.0  # base units a minute, on Binance
    price_decimals: int = 3
    lot_decimals: int = 0
    ct_val: str = "1"
    ct_mult: str = "1"
    okx_lot: str = "1"  # contracts
    funding: tuple[FundingPeriod, ...] = (FundingPeriod(Millis(0), 8),)
    funding_cap: float = DEFAULT_FUNDING_CAP
    premium: float = 0.0002
    venues: tuple[str, ...] = VENUES
    listed_on: Mapping[str, Millis] = field(default_factory=dict)

    @property
    def okx_id(self) -> str:
        return f"{self.base}-{self.quote}-SWAP"

    @property
    def tick(self) -> Decimal:
        return Decimal(1).scaleb(-self.price_decimals)

    @property
    def lot(self) -> Decimal:
        return Decimal(1).scaleb(-self.lot_decimals)

    @property
    def okx_lot_base(self) -> Decimal:
        """The smallest OKX size, in base units."""
        return Decimal(self.okx_lot) * Decimal(self.ct_val) * Decimal(self.ct_mult)

    def volume_decimals(self, venue: str) -> int:
        """Sizes are whole multiples of 10**-this base units (negative: of tens, hundreds...)."""
        if not MANNERS[venue].counts_contracts:
            return self.lot_decimals
        normal = self.okx_lot_base.normalize()
        lot = Decimal(self.okx_lot).normalize()
        if normal.as_tuple().digits != (1,) or lot.as_tuple().digits != (1,):
            raise ValueError(
                f"{self.symbol}: okx_lot and ct_val*ct_mult*okx_lot have to be powers of ten"
            )
        return -int(normal.as_tuple().exponent)

    def listing(self, venue: str) -> int:
        return self.listed_on.get(venue, self.listed)

    def known(self, venue: str, now: int) -> bool:
        """Whether the venue answers for this symbol at all: since the listing, for good."""
        return venue in self.venues and self.listing(venue) <= now

    def shown(self, venue: str, now: int) -> bool:
        """Whether the venue's list of instruments still has it."""
        if not self.known(venue, now):
            return False
        if self.delisted is None:
            return True
        return now < self.delisted + MANNERS[venue].listed_after_end_ms

    def delisting_announced(self, now: int) -> bool:
        return self.delisted is not None and now >= self.delisted - DELISTING_NOTICE_MS

    def trading(self, now: int) -> bool:
        return self.delisted is None or now < self.delisted


def default_instruments() -> tuple[Instrument, ...]:
    """Five calm majors and four with a life: a listing, an end, and two funding rhythms."""
    return (
        Instrument(
            "BTCUSDT", "BTC", listed=millis("2019-12-01"), price=60_000.0, volatility=0.0006,
            minute_volume=150.0, price_decimals=1, lot_decimals=3, ct_val="0.01", okx_lot="0.01",
        ),
        Instrument(
            "ETHUSDT", "ETH", listed=millis("2019-12-01"), price=3_000.0, volatility=0.0008,
            minute_volume=2_000.0, price_decimals=2, lot_decimals=3, ct_val="0.1", okx_lot="0.01",
        ),
        Instrument(
            "UNIUSDT", "UNI", price=8.0, volatility=0.001, minute_volume=6_000.0,
            price_decimals=3, lot_decimals=0, ct_val="1", okx_lot="1",
        ),
        Instrument(
            "LINKUSDT", "LINK", price=15.0, volatility=0.001, minute_volume=4_000.0,
            price_decimals=3, lot_decimals=2, ct_val="0.1", ct_mult="10", okx_lot="0.1",
        ),
        Instrument(
            "AAVEUSDT", "AAVE", price=150.0, volatility=0.001, minute_volume=500.0,
            price_decimals=2, lot_decimals=1, ct_val="0.1", okx_lot="1",
        ),
        Instrument(
            "NEWUSDT", "NEW", listed=millis("2026-02-10T13:37"), price=1.2, volatility=0.0015,
            minute_volume=40_000.0, price_decimals=4, lot_decimals=0, ct_val="10", okx_lot="1",
        ),
        Instrument(
            "OLDUSDT", "OLD", delisted=millis("2026-03-05T08:00"), price=0.5, volatility=0.0012,
            minute_volume=30_000.0, price_decimals=4, lot_decimals=0, ct_val="10", okx_lot="1",
        ),
        Instrument(
            "1000PEPEUSDT", "1000PEPE", price=0.01, volatility=0.0012, minute_volume=5_000_000.0,
            price_decimals=7, lot_decimals=0, ct_val="1000", okx_lot="0.1",
            funding=(FundingPeriod(Millis(0), 4),),
        ),
        Instrument(
            "FASTUSDT", "FAST", price=2.0, volatility=0.0014, minute_volume=20_000.0,
            price_decimals=4, lot_decimals=0, ct_val="10", okx_lot="1",
            funding=(
                FundingPeriod(Millis(0), 8),
                FundingPeriod(millis("2026-02-01"), 4),
                FundingPeriod(millis("2026-04-01"), 1),
            ),
            funding_cap=0.003, premium=0.004,
        ),
    )  # fmt: skip
