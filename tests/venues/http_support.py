"""One client that sends calls like a run would, and what came of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lab_support import DIALECTS, ms

from market_assets.errors import (
    MarketAssetsError,
)
from market_assets.schemas.requests import RequestRecord
from market_assets.schemas.timeline import HOUR_MS, Window
from market_assets.simulator.process import RunningSimulator
from market_assets.venues._gate import BreakerPolicy, Wait
from market_assets.venues._http import Patience, VenueClient
from market_assets.venues.contract import Call, Instrument
from market_assets.venues.registry import VENUES

QUICK = Patience(
    attempts=4,
    backoff_seconds=0.01,
    max_backoff_seconds=0.05,
    max_pause_seconds=5,
    timeout_seconds=2,
    concurrency=8,
)
ALL_DIALECTS = pytest.mark.parametrize("venue", DIALECTS)


def page(venue: str, symbol: str = "BTCUSDT", hours: int = 24) -> Call:
    native = f"{symbol.removesuffix('USDT')}-USDT-SWAP" if venue == "okx" else symbol
    instrument = Instrument(
        venue, symbol, native, "BTC", "USDT", "USDT", 1.0, 0.1, 0.001, "trading", 0
    )
    start = ms("2026-02-01")
    span = Window(start, start + hours * HOUR_MS)
    return VENUES[venue].candles_call(instrument, "1h", span, ms("2026-03-10"))


@dataclass
class Asked:
    """What came of some calls, and the records and waits they left."""

    answers: list[Any] = field(default_factory=list)
    records: list[RequestRecord] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)

    @property
    def error(self) -> MarketAssetsError:
        (found,) = [a for a in self.answers if isinstance(a, BaseException)]
        assert isinstance(found, MarketAssetsError), repr(found)
        return found

    @property
    def outcomes(self) -> list[str]:
        return [record.outcome for record in self.records]


@dataclass
class Client:
    """Sends calls like a run would: one client, its own gate file, all calls at once."""

    exchange: RunningSimulator
    gate: Path

    def ask(
        self,
        venue: str,
        *calls: Call,
        patience: Patience = QUICK,
        breaker: BreakerPolicy | None = None,
        limit_weight: int | None = None,
        base_url: str | None = None,
        one_by_one: bool = False,
    ) -> Asked:
        asked = Asked()

        async def send() -> None:
            client = VenueClient(
                VENUES[venue],
                base_url or self.exchange.base_url(venue),
                self.gate,
                run_id="run-1",
                record=asked.records.append,
                patience=patience,
                breaker=breaker,
                on_wait=asked.waits.append,
                limit_weight=limit_weight,
            )
            async with client:
                if one_by_one:
                    for call in calls:
                        asked.answers += await asyncio.gather(
                            client.get(call), return_exceptions=True
                        )
                else:
                    asked.answers = await asyncio.gather(
                        *(client.get(call) for call in calls), return_exceptions=True
                    )

        asyncio.run(send())
        return asked


def rows_of(venue: str, asked: Asked) -> int:
    (answer,) = asked.answers
    assert not isinstance(answer, BaseException), answer
    return VENUES[venue].parse_candles(answer.body).table.num_rows
