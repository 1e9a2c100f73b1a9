"""A look that saw everything, and a client that asks the exporter about it."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from market_assets.health.observed import (
    Backfill,
    BucketUse,
    CheckState,
    DayCompleteness,
    FailedRun,
    Observed,
    Queue,
    Series,
    Spend,
    SpendLine,
    Storage,
    Ticker,
    VenueAnswers,
    VenueGate,
)
from market_assets.schemas.verdicts import Verdict
from market_assets.watch.gauges import gauges
from market_assets.watch.snapshot import FailingChannel, OpenAlert, Snapshot

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def everything(now: datetime = NOW) -> Observed:
    day = date(2026, 11, 20)
    return Observed(
        series=(
            Series("binance", "ohlcv", "1h", "BTCUSDT", HOUR, now - 3 * HOUR, now - 2 * HOUR),
            Series("binance", "funding_rates", "", "BTCUSDT", 8 * HOUR, now - 4 * HOUR),
            Series("okx", "ohlcv", "1h", "OLDUSDT", HOUR, now - 99 * HOUR, delisted_at=now - HOUR),
            Series("okx", "ohlcv", "1h", "NEWUSDT", HOUR, listed_at=now - HOUR),
        ),
        answers=(
            VenueAnswers("binance", 200, {"timeout": 6, "banned": 4}, 1250.0),
            VenueAnswers("okx"),
        ),
        gates=(
            VenueGate("binance", (BucketUse("weight", 600, 2400, 60.0),)),
            VenueGate("okx", (BucketUse("candles", 5, 40, 2.0),), paused_until=now + MINUTE),
            VenueGate("aster", (), circuit_open_until=now - MINUTE),
        ),
        completeness=(
            DayCompleteness("binance", "ohlcv", "1h", "BTCUSDT", day, 24, 20, 1, 3),
            DayCompleteness("binance", "ohlcv", "1h", "ETHUSDT", day, 24, 22, unasked=2),
            DayCompleteness("okx", "ohlcv", "1h", "BTCUSDT", day, 0, 0),
        ),
        checks=(
            CheckState("raw.binance_ohlcv", "schema", "error", False, now),
            CheckState("raw.okx_ohlcv", "gaps", "warn", True, now),
        ),
        failed_runs=(
            FailedRun("r1", "raw", "", now - HOUR),
            FailedRun("r2", "raw", "", now - HOUR, succeeded_at=now),
            FailedRun("r3", "raw", "", now - HOUR, will_retry=True),
        ),
        backfills=(Backfill("b1", "raw", "running", now - HOUR),),
        tickers=(
            Ticker("daemon", "SENSOR", last_tick_at=now - timedelta(seconds=30)),
            Ticker("schedule", "off", is_on=False, last_tick_at=now - 9 * HOUR),
            Ticker("sensor", "never"),
        ),
        queue=Queue(queued=4, running=2),
        storage=Storage(5_000_000, 1000, (), 10**11, 4 * 10**11),
        spend=Spend(
            day,
            0.5,
            1.0,
            7.25,
            (SpendLine("mart", "ohlcv", 0.25), SpendLine("mart", "risk_daily", 0.125)),
        ),
    )


def look(now: datetime, *, critical: str | None = None, interval: int = 60) -> Snapshot:
    """What the watch leaves after it saw everything; `critical` is the state of such an alert."""
    open_alerts = [OpenAlert("a2", "completeness", "okx", "warning", "firing", "holes", now)]
    if critical == "firing":
        open_alerts.append(
            OpenAlert("a1", "venue_down", "okx", "critical", "firing", "okx is down", now)
        )
    elif critical == "acknowledged":
        open_alerts.append(
            OpenAlert("a1", "venue_down", "okx", "critical", "acknowledged", "okx is down", now)
        )
    return Snapshot(
        now,
        interval,
        verdicts=(
            Verdict("completeness", "okx", "BTCUSDT 1h", "failing", "holes"),
            Verdict("completeness", "okx", "ETHUSDT 1h", "failing", "holes"),
            Verdict("freshness", "okx", "", "ok", "fresh"),
            Verdict("cost_budget", "", "", "unknown", "not seen"),
        ),
        alerts=tuple(open_alerts),
        gauges=tuple(gauges(everything(now), now)),
        failing=(FailingChannel("slack", 2, "it answered 500"),),
    )


@dataclass(frozen=True)
class Answer:
    status: int
    kind: str
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def samples(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """As Prometheus reads the text; a sample that is there twice is refused as it does."""
        found: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                assert key not in found
                found[key] = sample.value
        return found

    def value(self, short: str, **labels: str) -> float:
        return self.samples[f"market_assets_{short}", tuple(sorted(labels.items()))]


@dataclass(frozen=True)
class Client:
    port: int

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            kind = answer.getheader("Content-Type") or ""
            return Answer(answer.status, kind, answer.read().decode())
        finally:
            connection.close()
