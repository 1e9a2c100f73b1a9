"""The venues there are, by name. Adding one is a file beside this one and a line here."""

from __future__ import annotations

from market_assets.venues.aster import Aster
from market_assets.venues.binance import Binance
from market_assets.venues.bybit import Bybit
from market_assets.venues.contract import Venue
from market_assets.venues.okx import Okx

VENUES: dict[str, Venue] = {venue.name: venue for venue in (Binance(), Okx(), Aster(), Bybit())}
