"""The bulk archive of Binance and Aster: zips of days and months with a checksum beside each.

Layout: https://github.com/binance/binance-public-data. Aster's is assumed to be the same.
"""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Final

import numpy as np

from market_assets.simulator.answers import Answer, Endpoint
from market_assets.simulator.bars import Series, Why
from market_assets.simulator.cache import BlockCache
from market_assets.simulator.config import Correction, SimulatorConfig
from market_assets.simulator.funding import Funding
from market_assets.simulator.instruments import Instrument
from market_assets.simulator.intervals import DAY_MS, MINUTES
from market_assets.simulator.market import Market
from market_assets.simulator.noise import stream, uniform_one
from market_assets.simulator.reading import Millis
from market_assets.simulator.wire.binance_like import write_klines

ARCHIVE: Final = "archive"

_KLINES: Final = re.compile(
    r"/archive/data/futures/um/(?P<every>daily|monthly)/klines/(?P<symbol>[^/]+)/(?P<interval>\w+)"
    r"/(?P=symbol)-(?P=interval)-(?P<period>[0-9-]+)\.zip"
)
# Settlements come in months only.
_FUNDING: Final = re.compile(
    r"/archive/data/futures/um/(?P<every>monthly)/fundingRate/(?P<symbol>[^/]+)"
    r"/(?P=symbol)-fundingRate-(?P<period>[0-9-]+)\.zip"
)
_KLINES_HEADER: Final = (
    b"open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    b"taker_buy_volume,taker_buy_quote_volume,ignore"
)
_FUNDING_HEADER: Final = b"calc_time,funding_interval_hours,last_funding_rate"
_CHECKSUM: Final = ".CHECKSUM"
# Rows that were traded; the API may have lost some of them.
_TRADED: Final = (Why.PRESENT, Why.LOST, Why.ZOMBIE)
_CACHED_BYTES: Final = 32_000_000


@dataclass(frozen=True, slots=True)
class _Asked:
    """A file by what its path says, and the days that it holds."""

    path: str
    instrument: Instrument
    minutes: int  # 0 for funding
    first: date
    last: date
    published: datetime

    @property
    def days(self) -> range:
        return range(_day_number(self.first), _day_number(self.last) + 1)


class Archive:
    """One venue's files. They hold what happened, also what the API has lost."""

    def __init__(
        self, venue: str, config: SimulatorConfig, market: Market, funding: Funding
    ) -> None:
        self._venue = venue
        self._seed = config.seed
        self._faults = config.faults
        self._market = _as_archived(config, market)
        self._funding = funding
        self._made: BlockCache[bytes] = BlockCache(_CACHED_BYTES)

    def endpoint(self, path: str) -> Endpoint:
        return Endpoint(ARCHIVE, lambda _params, now: self.answer(path, now), weight=lambda _: 0)

    def answer(self, path: str, now: int) -> Answer:
        """A file or its checksum; 404 before it is published, and for what there is nothing of."""
        asked = self._read(path.removesuffix(_CHECKSUM))
        if asked is None or now < asked.published.timestamp() * 1000 or self._hit("missing", asked):
            return _nothing(path)
        content = self._file(asked, now)
        if content is None:
            return _nothing(path)
        if not path.endswith(_CHECKSUM):
            whole = not self._hit("truncated", asked)
            sent = content if whole else content[: len(content) * 2 // 3]
            return Answer(200, sent, "application/zip")
        # A wrong one is that of other content, as when a file was replaced and its checksum not.
        told = content + b"replaced" if self._hit("bad_checksum", asked) else content
        name = asked.path.rpartition("/")[2]
        return Answer(200, f"{sha256(told).hexdigest()}  {name}\n".encode(), "text/plain")

    def _hit(self, fault: str, asked: _Asked) -> bool:
        rate: float = getattr(self._faults, f"archive_{fault}")
        drawn = uniform_one(stream(self._seed, ARCHIVE, fault, self._venue, asked.path), 0)
        return drawn < rate

    def _read(self, path: str) -> _Asked | None:
        """The path's parts, where they make sense to this venue."""
        match = _KLINES.fullmatch(path) or _FUNDING.fullmatch(path)
        if match is None:
            return None
        said = match.groupdict()
        instrument = self._market.instruments.get(said["symbol"])
        days = _days_of(said["every"], said["period"])
        if instrument is None or self._venue not in instrument.venues or days is None:
            return None
        if "interval" in said and said["interval"] not in MINUTES:
            return None
        minutes = MINUTES[said["interval"]] if "interval" in said else 0
        return _Asked(path, instrument, minutes, *days, _published(said["every"], days[1]))

    def _file(self, asked: _Asked, now: int) -> bytes | None:
        symbol = asked.instrument.symbol
        series = Series(self._venue, symbol, asked.minutes)
        corrected = tuple(
            self._market.active_corrections(series, day, now) if asked.minutes else ()
            for day in asked.days
        )
        key = (asked.path, corrected)
        found = self._made.get(key)
        if found is None:
            rows = self._candles(asked, series, now) if asked.minutes else self._settled(asked, now)
            found = self._zipped(asked, rows) if rows else b""
            self._made.put(key, found, len(found) + 1)
        return found or None

    def _candles(self, asked: _Asked, series: Series, now: int) -> list[bytes]:
        rows: list[bytes] = []
        for day in asked.days:
            bars = self._market.bars(series, day, now)
            traded = np.flatnonzero(np.isin(bars.why, _TRADED))
            written = write_klines(bars, traded, asked.instrument, True)
            rows += [row[1:-1].replace(b'"', b"") for row in written]
        return rows

    def _settled(self, asked: _Asked, now: int) -> list[bytes]:
        start, end = asked.days.start * DAY_MS, asked.days.stop * DAY_MS
        return [
            b"%d,%d,%.8f" % (each.raw, each.hours, each.rate)
            for each in self._funding.settled(self._venue, asked.instrument, start, end, now)
            if start <= each.at < end
        ]

    def _zipped(self, asked: _Asked, rows: list[bytes]) -> bytes:
        lines = rows
        if self._hit("microseconds", asked):
            lines = list(map(partial(_in_microseconds, has_close=bool(asked.minutes)), rows))
        if not self._hit("no_header", asked):
            lines = [_KLINES_HEADER if asked.minutes else _FUNDING_HEADER, *lines]
        name = asked.path.rpartition("/")[2].removesuffix(".zip") + ".csv"
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
            # A time of its own, so that the same rows make the same bytes.
            file.writestr(zipfile.ZipInfo(name), b"\n".join(lines) + b"\n", zipfile.ZIP_DEFLATED)
        return packed.getvalue()


def _as_archived(config: SimulatorConfig, market: Market) -> Market:
    """The market with what the archive alone says otherwise."""
    faults = config.faults
    if not faults.archive_differs:
        return market
    own = tuple(
        Correction(item.venue, item.symbol, item.hour, Millis(0), item.factor)
        for item in faults.archive_differs
    )
    corrections = (*faults.corrections, *own)
    return Market(config.seed, config.instruments, replace(faults, corrections=corrections))


def _days_of(every: str, period: str) -> tuple[date, date] | None:
    """The first and the last day of `2026-01-31` or `2026-01`."""
    try:
        if every == "daily":
            day = datetime.strptime(period, "%Y-%m-%d").replace(tzinfo=UTC).date()
            return day, day
        first = datetime.strptime(period, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        return None
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _published(every: str, last: date) -> datetime:
    """A day's file the day after, a month's on the first Monday after it."""
    moment = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    return moment + timedelta(days=-moment.weekday() % 7) if every == "monthly" else moment


def _in_microseconds(row: bytes, *, has_close: bool) -> bytes:
    """Spot files changed so on 2025-01-01; a candle then closes on its last microsecond."""
    cells = row.split(b",")
    cells[0] += b"000"
    if has_close:
        cells[6] += b"999"
    return b",".join(cells)


def _nothing(path: str) -> Answer:
    key = path.partition("/archive/")[2]
    text = f"<Error><Code>NoSuchKey</Code><Key>{key}</Key></Error>"
    return Answer(404, text.encode(), "application/xml")


def _day_number(day: date) -> int:
    return (day - date(1970, 1, 1)).days
