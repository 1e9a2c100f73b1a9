"""What every simulated venue is made of: the market it shows, and how its rows are written."""

from __future__ import annotations

from collections.abc import Mapping

from market_assets.simulator.clock import SimulatedClock
from market_assets.simulator.funding import Funding
from market_assets.simulator.instruments import Instrument
from market_assets.simulator.market import Market
from market_assets.simulator.rows import CandleRows, Writer


class Twin:
    """One venue; what it answers, and at which paths, is its own file's."""

    venue: str
    # Bodies of its 5xx; a status that is not here gets the HTML page of the proxy in front.
    said: Mapping[int, object] = {}
    said_under_200: object = None
    writer: Writer

    def __init__(self, market: Market, funding: Funding, clock: SimulatedClock) -> None:
        self.market = market
        self.funding = funding
        self.clock = clock
        self._rows = CandleRows(market, type(self).writer)

    def shown(self, now: int) -> list[Instrument]:
        """What its list of instruments has."""
        return [item for item in self.market.instruments.values() if item.shown(self.venue, now)]
