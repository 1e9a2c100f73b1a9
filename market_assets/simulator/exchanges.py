"""All venues as they are at one moment of the configuration; rebuilt when it changes."""

from __future__ import annotations

from typing import Final

from market_assets.simulator.answers import Endpoint
from market_assets.simulator.clock import SimulatedClock
from market_assets.simulator.config import SimulatorConfig
from market_assets.simulator.funding import Funding
from market_assets.simulator.limits import Limits
from market_assets.simulator.market import Market
from market_assets.simulator.stats import VenueStats
from market_assets.simulator.truth import Truth
from market_assets.simulator.wire.archive import Archive
from market_assets.simulator.wire.aster import Aster
from market_assets.simulator.wire.binance import Binance
from market_assets.simulator.wire.bybit import Bybit
from market_assets.simulator.wire.okx import Okx

TWINS: Final = (Binance, Okx, Aster, Bybit)


class Exchanges:
    """The market and who tells of it."""

    def __init__(self, config: SimulatorConfig, clock: SimulatedClock) -> None:
        self.market = Market(config.seed, config.instruments, config.faults)
        funding = Funding(config.seed)
        parts = (self.market, funding, clock)
        # OKX's is of another kind: an API that lists files, cut at UTC+8.
        self.archives = {
            venue: Archive(venue, config, self.market, funding) for venue in ("binance", "aster")
        }
        self.truth = Truth(*parts)
        self.twins = {twin.venue: twin(*parts) for twin in TWINS}
        self.endpoints: dict[str, dict[str, Endpoint]] = {
            venue: twin.endpoints() for venue, twin in self.twins.items()
        }


def limits_of(config: SimulatorConfig, stats: dict[str, VenueStats]) -> dict[str, Limits]:
    """A fresh count for each venue."""
    return {twin.venue: twin.limits(config.limits, stats[twin.venue]) for twin in TWINS}
