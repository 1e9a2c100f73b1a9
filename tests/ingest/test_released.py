"""What a person released is good in every later run; a venue that insists is believed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab_support import Lab, ms, relay, window

from market_assets.ingest.executions import import_executions
from market_assets.quality.quarantine import drop, release
from market_assets.schemas.datasets import FUNDING_RATES
from market_assets.schemas.timeline import to_ms

SPAN = window("2026-03-09", "2026-03-10T12:00")
ODD_HOUR = ms("2026-03-10T05:00")
ODD_SETTLEMENT = ms("2026-03-10T00:00")
BECAUSE = "the venue stands by it"


@contextmanager
def insisting(lab: Lab) -> Iterator[Lab]:
    """A venue that tells one impossible candle and one wild funding rate, whenever it is asked."""

    def rewrite(path: str, body: bytes) -> bytes:
        if "/klines" in path:
            return json.dumps([odd_candle(row) for row in json.loads(body)]).encode()
        if "/fundingRate" in path:
            return json.dumps([odd_settlement(row) for row in json.loads(body)]).encode()
        return body

    with relay(lab.exchange, rewrite) as address:
        yield lab.with_settings(venues={"binance": {"base_url": f"{address}/binance"}})


def odd_candle(row: list[Any]) -> list[Any]:
    # its high below its low
    return [*row[:2], "1.0", *row[3:]] if row[0] == ODD_HOUR else row


def odd_settlement(row: dict[str, Any]) -> dict[str, Any]:
    near = abs(row["fundingTime"] - ODD_SETTLEMENT) < 60_000
    return row | {"fundingRate": "0.05"} if near else row


def held_id(lab: Lab) -> str:
    [entry] = lab.lake.quarantined(status="held")
    return entry.quarantine_id


def test_a_released_candle_closes_its_hole_for_good(lab: Lab) -> None:
    with insisting(lab) as there:
        first = there.ingest("binance", "BTCUSDT", SPAN)
        assert first.gaps_by_reason() == {"missing": 1}
        release(lab.lake, [held_id(lab)], BECAUSE)
        assert there.ingest("binance", "BTCUSDT", SPAN).complete
        # Two days later, when the reconcile calls what it reads a backfill.
        lab.exchange.control(clock={"mode": "frozen", "now": "2026-03-12T12:34:56Z"})
        again = there.ingest("binance", "BTCUSDT", SPAN, refresh=True)
    assert again.complete
    assert (again.quarantined, again.corrected, again.unchanged) == (0, 0, 36)
    stored = {row["timestamp"]: row["high"] for row in lab.candles("binance", "BTCUSDT", SPAN)}
    assert stored[ODD_HOUR] == 1.0
    assert lab.absences("binance", "BTCUSDT", SPAN) == {}


def test_a_dropped_candle_stays_a_hole_and_is_not_held_again(lab: Lab) -> None:
    with insisting(lab) as there:
        there.ingest("binance", "BTCUSDT", SPAN)
        drop(lab.lake, [held_id(lab)], "garbage")
        again = there.ingest("binance", "BTCUSDT", SPAN, refresh=True)
    assert again.gaps_by_reason() == {"missing": 1}
    assert lab.absences("binance", "BTCUSDT", SPAN) == {ODD_HOUR: "missing"}
    assert [entry.status for entry in lab.lake.quarantined()] == ["dropped"]


def test_a_released_settlement_gets_its_interval_when_it_is_read_again(lab: Lab) -> None:
    with insisting(lab) as there:
        first = there.ingest("binance", "BTCUSDT", SPAN, dataset="funding_rates")
        assert first.gaps_by_reason() == {"missing": 1}
        release(lab.lake, [held_id(lab)], BECAUSE)
        again = there.ingest("binance", "BTCUSDT", SPAN, dataset="funding_rates", refresh=True)
    assert again.complete
    assert again.quarantined == 0
    rows = lab.lake.read("binance", FUNDING_RATES, window=SPAN).to_pylist()
    told = {to_ms(row["timestamp"]): (row["funding_rate"], row["interval_hours"]) for row in rows}
    assert told[ODD_SETTLEMENT] == (0.05, 8.0)
    assert {hours for _, hours in told.values()} == {8.0}


def test_a_released_fill_is_good_when_its_file_is_imported_again(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "fills.csv"
    file.write_text(
        "execution_id,timestamp,symbol,venue,side,price,quantity\n"
        "a1,2026-03-01T10:00:00Z,BTCUSDT,binance,short,100,1\n"
    )
    assert import_executions([file], lab.settings, lab.lake).quarantined == 1
    release(lab.lake, [held_id(lab)], BECAUSE)
    again = import_executions([file], lab.settings, lab.lake)
    assert (again.quarantined, again.unchanged) == (0, 1)
