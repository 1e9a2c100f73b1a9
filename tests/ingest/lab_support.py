"""A lab for tests: an exchange, settings that point to it, a lake, and what is true in it."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from market_assets.ingest.job import Job, Summary
from market_assets.ingest.run import ingest
from market_assets.schemas import arrow
from market_assets.schemas.datasets import FUNDING_RATES, OHLCV
from market_assets.schemas.timeline import INTERVALS, Window, to_ms
from market_assets.settings import Settings
from market_assets.simulator.process import RunningSimulator
from market_assets.venues.registry import VENUES as REGISTRY
from market_assets.warehouse.ducklake import DuckLakeWarehouse

# Those that are collected unless somebody says otherwise, and all that can be.
VENUES = ("binance", "okx", "aster")
EVERY_VENUE = tuple(REGISTRY)
# One of each dialect. Aster's is Binance's: one class parses both and one twin answers for both, so
# that a test of what comes after has nothing to learn from it.
DIALECTS = tuple(venue for venue in EVERY_VENUE if venue != "aster")
NOW = "2026-03-10T12:34:56Z"
CALM: dict[str, Any] = {
    "clock": {"mode": "frozen", "now": NOW},
    "limits": {"enforce": False},
    "faults": {},
}
# Where the simulator's truth and ops.gaps call the same thing by different names.
RECORDED_AS = {"lost": "missing"}


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it, section by section."""
    found = dict(base)
    for key, value in changes.items():
        inner = found.get(key)
        both = isinstance(inner, Mapping) and isinstance(value, Mapping)
        found[key] = merged(inner, value) if both else value
    return found


def ms(text: str) -> int:
    """`2026-03-01` or `2026-03-01T12:30` (UTC) in milliseconds."""
    return to_ms(datetime.fromisoformat(text))


def window(start: str, end: str) -> Window:
    return Window(ms(start), ms(end))


@dataclass(frozen=True)
class Lab:
    """An exchange, settings that point to it, and a lake: all that a run needs."""

    exchange: RunningSimulator
    lake: DuckLakeWarehouse
    folder: Path
    given: Mapping[str, Any]

    @property
    def settings(self) -> Settings:
        return Settings.model_validate(self.given, context={"root": self.folder})

    def with_settings(self, **changes: Any) -> Lab:
        """The same lab with other settings: `lab.with_settings(ingest={"commit_rows": 500})`."""
        return replace(self, given=merged(self.given, changes))

    def ingest(
        self,
        venue: str,
        symbols: Sequence[str] | str,
        within: Window,
        interval: str = "1h",
        *,
        dataset: str = "ohlcv",
        refresh: bool = False,
        run_id: str = "",
    ) -> Summary:
        symbols = (symbols,) if isinstance(symbols, str) else tuple(symbols)
        interval = interval if dataset == "ohlcv" else ""
        job = Job(venue, dataset, symbols, within, interval, refresh, run_id)
        return ingest(job, self.settings, self.lake)

    # -- what is there, and what should be

    def candles(
        self, venue: str, symbol: str, within: Window, interval: str = "1h"
    ) -> list[dict[str, Any]]:
        rows = self.lake.read(venue, OHLCV, interval=interval, symbols=[symbol], window=within)
        found = arrow.records(rows.select(["timestamp", *OHLCV.values]))
        return [row | {"timestamp": row["timestamp"] // 1000} for row in found]

    def true_candles(
        self, venue: str, symbol: str, within: Window, interval: str = "1h"
    ) -> list[dict[str, Any]]:
        rows = self.exchange.truth(
            f"{venue}/ohlcv", symbol=symbol, interval=interval, start=within.start, end=within.end
        )
        return [{name: row[name] for name in ("timestamp", *OHLCV.values)} for row in rows]

    def absences(
        self, venue: str, symbol: str, within: Window, interval: str = "1h"
    ) -> dict[int, str]:
        """Every absent candle of ops.gaps with its reason."""
        recorded = self.lake.gaps(venue, OHLCV, interval, [symbol], within)[symbol]
        step = INTERVALS[interval]
        return {slot: gap.reason for gap in recorded for slot in gap.window.grid(step)}

    def true_absences(
        self, venue: str, symbol: str, within: Window, interval: str = "1h"
    ) -> dict[int, str]:
        rows = self.exchange.truth(
            f"{venue}/absent", symbol=symbol, interval=interval, start=within.start, end=within.end
        )
        return {r["timestamp"]: RECORDED_AS.get(r["reason"], r["reason"]) for r in rows}

    def assert_truth(
        self,
        venue: str,
        symbols: Sequence[str] | str,
        within: Window,
        interval: str = "1h",
        *,
        reasons: bool = True,
    ) -> None:
        """Stored is what exists, recorded in ops.gaps is what doesn't, nothing lies outside."""
        symbols = [symbols] if isinstance(symbols, str) else list(symbols)
        rows = 0
        for symbol in symbols:
            truth = self.true_candles(venue, symbol, within, interval)
            assert self.candles(venue, symbol, within, interval) == truth, (venue, symbol)
            rows += len(truth)
            absent = self.absences(venue, symbol, within, interval)
            should = self.true_absences(venue, symbol, within, interval)
            if not reasons:
                absent, should = dict.fromkeys(absent, ""), dict.fromkeys(should, "")
            assert absent == should, (venue, symbol)
        stored = self.lake.read(venue, OHLCV, interval=interval, symbols=symbols)
        assert stored.num_rows == rows, "exactly the window is stored, each candle once"

    def assert_funding_truth(
        self, venue: str, symbols: Sequence[str] | str, within: Window
    ) -> None:
        """Every settlement with its rate, raw time and the hours since the one before."""
        symbols = [symbols] if isinstance(symbols, str) else list(symbols)
        names = ["timestamp", "raw_timestamp", "funding_rate", "interval_hours"]
        if venue == "okx":
            names.append("predicted_rate")
        for symbol in symbols:
            stored = [
                {
                    name: to_ms(row[name]) if name.endswith("timestamp") else row[name]
                    for name in names
                }
                for row in self.lake.read(
                    venue, FUNDING_RATES, symbols=[symbol], window=within
                ).to_pylist()
            ]
            truth = self.exchange.truth(
                f"{venue}/funding", symbol=symbol, start=within.start, end=within.end
            )
            assert stored == [{name: row[name] for name in names} for row in truth], symbol

    def requests(self, where: str = "true") -> list[dict[str, Any]]:
        """Rows of ops.requests in order of time."""
        return self.lake.ask(
            f"select * from ops.requests where {where} order by requested_at"
        ).to_pylist()

    def quarantine(self) -> list[dict[str, Any]]:
        return self.lake.ask("select * from raw.quarantine order by timestamp").to_pylist()


def away_from_the_minute(seconds: float = 8.0) -> None:
    """Wait so that no venue minute ends within the next `seconds`."""
    left = 60 - time.time() % 60
    if left < seconds:
        time.sleep(left + 0.05)


def settings_for(exchange: RunningSimulator, **changes: Any) -> dict[str, Any]:
    """Settings that point to the exchange; short waits, since nobody is far away."""
    return merged(
        {
            "venues": {
                venue: {"base_url": exchange.base_url(venue), "timeout_seconds": 5}
                for venue in EVERY_VENUE
            },
            "warehouse": {"path": "warehouse"},
            "state_dir": "state",
            "http": {"backoff_seconds": 0.02, "max_backoff_seconds": 0.3},
        },
        changes,
    )


Rewrite = Callable[[str, bytes], bytes]


@contextmanager
def relay(exchange: RunningSimulator, rewrite: Rewrite) -> Iterator[str]:
    """An address that passes requests on and changes the answers: a venue that tells untruths."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            try:
                answer = opener.open(exchange.url + self.path, timeout=30)
            except urllib.error.HTTPError as error:
                answer = error
            with answer:
                body = rewrite(self.path, answer.read())
                self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
