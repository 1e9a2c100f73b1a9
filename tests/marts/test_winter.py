"""What the winter that the marts are tested on holds: without troubles it would prove nothing."""

from __future__ import annotations

import pytest
from marts_support import MartsLab

pytestmark = pytest.mark.xdist_group("marts")


def test_the_winter_holds_every_kind_of_trouble(winter: MartsLab) -> None:
    reasons = winter.query("select reason, count(*) as n from ops.gaps group by reason")
    assert set(reasons["reason"]) == {"no_trade", "venue_outage", "not_listed", "missing"}
    assert len(winter.query("select * from ops.revisions where dataset = 'ohlcv'")) == 1
    hours = set(winter.funding()["interval_hours"])
    assert {4.0, 8.0} <= hours
    symbols = winter.query("select distinct symbol from marts.ohlcv where venue = 'binance'")
    assert {"NEWUSDT", "OLDUSDT"} <= set(symbols["symbol"])
