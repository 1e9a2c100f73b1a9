"""What is stored of every series lately: by day, the newest row, and when it came."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from market_assets.schemas.datasets import FUNDING_RATES, OHLCV
from market_assets.schemas.timeline import DAY_MS, to_datetime
from market_assets.warehouse.sql import literal, moment
from market_assets.watch.store import rows_of

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.warehouse.protocol import Warehouse


class SeriesKey(NamedTuple):
    """A series that the platform is told to collect."""

    venue: str
    dataset: str
    interval: str
    symbol: str

    @property
    def table(self) -> str:
        return f"raw.{self.venue}_{self.dataset}"


@dataclass(slots=True)
class StoredSeries:
    """What is stored of one series, in milliseconds."""

    newest: int
    ingested: int
    rows_by_day: dict[date, int] = field(default_factory=dict)


def wanted_series(settings: Settings) -> list[SeriesKey]:
    """Every candle and funding series of the enabled venues."""
    return [
        SeriesKey(venue, dataset, interval, symbol)
        for venue, options in settings.enabled_venues.items()
        for dataset, intervals in ((OHLCV.name, options.intervals), (FUNDING_RATES.name, ("",)))
        for interval in intervals
        for symbol in options.symbols
    ]


def stored_series(
    warehouse: Warehouse,
    wanted: Collection[SeriesKey],
    tables: Collection[str],
    since: int,
) -> Mapping[SeriesKey, StoredSeries]:
    """From the rows since then, and from all older ones only for series that have none.

    The mart ops_freshness has the same numbers, but for the newest ingestion: there a backfill of
    an old year makes it new, here only what came for the recent days counts.
    """
    found: dict[SeriesKey, StoredSeries] = {}
    recent = [
        _part(*source, f'"timestamp" >= {moment(since)}') for source in _sources(wanted, tables)
    ]
    _take_in(found, warehouse, recent)
    lost = [key for key in wanted if key not in found]
    older = [
        _part(
            *source,
            f'"timestamp" < {moment(since)} AND symbol IN'
            f" ({', '.join(literal(key.symbol) for key in lost if key.table == source[0])})",
            by_day=False,
        )
        for source in _sources(lost, tables)
    ]
    _take_in(found, warehouse, older)
    return found


def _take_in(found: dict[SeriesKey, StoredSeries], warehouse: Warehouse, parts: list[str]) -> None:
    if not parts:
        return
    for row in rows_of(warehouse, " UNION ALL ".join(parts)):
        key = SeriesKey(row["venue"], row["dataset"], row["interval"], row["symbol"])
        stored = found.setdefault(key, StoredSeries(row["newest"], row["ingested"]))
        stored.newest = max(stored.newest, row["newest"])
        stored.ingested = max(stored.ingested, row["ingested"])
        if row["day"] is not None:
            stored.rows_by_day[to_datetime(row["day"] * DAY_MS).date()] = row["n"]


def _sources(
    wanted: Iterable[SeriesKey], tables: Collection[str]
) -> Iterator[tuple[str, str, str]]:
    """Each table that is there once, with its venue and dataset."""
    named = dict.fromkeys((key.table, key.venue, key.dataset) for key in wanted)
    return (source for source in named if source[0] in tables)


def _part(table: str, venue: str, dataset: str, where: str, *, by_day: bool = True) -> str:
    interval = '"interval"' if dataset == OHLCV.name else "''"
    day = f'CAST(floor(epoch_ms("timestamp") / {DAY_MS}) AS BIGINT)' if by_day else "NULL"
    return (
        f"SELECT {literal(venue)} AS venue, {literal(dataset)} AS dataset, {interval} AS"
        f' "interval", symbol, {day} AS day, count(*) AS n, epoch_ms(max("timestamp")) AS newest,'
        f" epoch_ms(max(ingestion_time)) AS ingested FROM {table} WHERE {where} GROUP BY ALL"
    )
