"""Reading what is judged: tables of the warehouse over a window, as pandas frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from market_assets.schemas.timeline import Window, to_datetime

if TYPE_CHECKING:
    import pandas as pd

    from market_assets.settings import Settings
    from market_assets.warehouse.protocol import Warehouse

# What a derived column is made from, and how. It is left out where one of these is not there: then
# the law on it fails and says so, and the others are still judged.
Derived = Mapping[str, tuple[Sequence[str], "Callable[[pd.DataFrame], pd.Series]"]]


@dataclass(frozen=True)
class Stored:
    """One warehouse, the days that are judged, and what is expected of them."""

    warehouse: Warehouse
    settings: Settings
    window: Window

    @cached_property
    def tables(self) -> frozenset[str]:
        """Every table and view, as schema.name."""
        return self.warehouse.tables()

    @cached_property
    def is_expecting(self) -> bool:
        """Whether any candle is stored in the window: then marts have something to be made from."""
        return any(
            self.count(f"raw.{venue}_ohlcv", "timestamp") for venue in self.settings.enabled_venues
        )

    def count(self, table: str, time: str) -> int:
        if table not in self.tables:
            return 0
        sql = f"SELECT count(*) AS n FROM {table} WHERE {self.within(time)}"
        return int(self.warehouse.ask(sql).to_pylist()[0]["n"])

    def frame(self, table: str, time: str = "", order: Sequence[str] = ()) -> pd.DataFrame:
        """The rows of the window, or all where the table has no time; times without a zone."""
        where = f" WHERE {self.within(time)}" if time else ""
        sorted_by = f" ORDER BY {', '.join(order)}" if order else ""
        return self._read(f"SELECT * FROM {table}{where}{sorted_by}")

    def within(self, time: str) -> str:
        start, end = to_datetime(self.window.start), to_datetime(self.window.end)
        return (
            f"{time} >= TIMESTAMP '{start:%Y-%m-%d %H:%M:%S}'"
            f" AND {time} < TIMESTAMP '{end:%Y-%m-%d %H:%M:%S}'"
        )

    def known(self, table: str) -> frozenset[tuple[str, str]]:
        """Venue and symbol of every instrument in a table of instruments."""
        if table not in self.tables:
            return frozenset()
        found = self.warehouse.ask(f"SELECT DISTINCT venue, symbol FROM {table}").to_pylist()
        return frozenset((row["venue"], row["symbol"]) for row in found)

    def _read(self, sql: str) -> pd.DataFrame:
        import pandas as pd
        import pyarrow as pa

        table = self.warehouse.ask(sql)
        frame: pd.DataFrame = table.to_pandas()
        for field in table.schema:
            if pa.types.is_temporal(field.type):
                # One kind of time in every engine: dates too, and always in UTC.
                frame[field.name] = pd.to_datetime(frame[field.name], utc=True).dt.tz_localize(None)
        return frame


def derive(frame: pd.DataFrame, derived: Derived) -> pd.DataFrame:
    """The frame with the derived columns that can be made from it."""
    made = {
        name: make(frame)
        for name, (needs, make) in derived.items()
        if set(needs) <= set(frame.columns)
    }
    return frame.assign(**made)


def is_known(known: frozenset[tuple[str, str]]) -> Callable[[pd.DataFrame], pd.Series]:
    """Whether a row's venue and symbol are among the instruments."""

    def look(frame: pd.DataFrame) -> pd.Series:
        import pandas as pd

        pairs = zip(frame["venue"], frame["symbol"], strict=True)
        return pd.Series([pair in known for pair in pairs], index=frame.index, dtype=bool)

    return look


def since_before(
    by: Sequence[str], time: str, column: str = ""
) -> Callable[[pd.DataFrame], pd.Series]:
    """Seconds since the row before of the same series, or what `column` said there."""

    def look(frame: pd.DataFrame) -> pd.Series:
        series = frame.groupby(list(by), sort=False)
        if column:
            return series[column].shift()
        return (frame[time] - series[time].shift()).dt.total_seconds()

    return look
