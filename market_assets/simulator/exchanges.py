"""All venues as they are at one moment of the configuration; rebuilt when it changes."""

from __future__ import annotations

from collections.abc import Callable

from market_assets.simulator.answers import Endpoint
from market_assets.simulator.clock import SimulatedClock
from market_assets.simulator.config import SimulatorConfig
from market_assets.simulator.funding import Funding
from market_assets.simulator.limits import BinanceLikeLimits, OkxLimits
from market_assets.simulator.market import Market
from market_assets.simulator.stats import VenueStats
from market_assets.simulator.truth import Truth
from market_assets.simulator.wire.archive import Archive
from market_assets.simulator.wire.aster import Aster
from market_assets.simulator.wire.binance import Binance
from market_assets.simulator.wire.okx import Okx

Limits = BinanceLikeLimits | OkxLimits


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
        self.endpoints: dict[str, dict[str, Endpoint]] = {
            "binance": Binance(*parts).endpoints(),
            "okx": Okx(*parts).endpoints(),
            "aster": Aster(*parts).endpoints(),
        }


def limits_of(config: SimulatorConfig, stats: dict[str, VenueStats]) -> dict[str, Limits]:
    """A fresh count for each venue."""
    limits = config.limits
    made: dict[str, Callable[[], Limits]] = {
        "binance": lambda: BinanceLikeLimits(limits, stats["binance"], retry_after=True),
        "okx": lambda: OkxLimits(limits, stats["okx"]),
        "aster": lambda: BinanceLikeLimits(
            limits, stats["aster"], retry_after=limits.aster_retry_after
        ),
    }
    return {venue: make() for venue, make in made.items()}
