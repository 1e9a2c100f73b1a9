"""What fetching brought about one symbol: rows, rejects, and a reason for everything absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from market_assets.schemas.timeline import Window, subtract
from market_assets.venues.contract import Instrument
from market_assets.warehouse.contract import Gap, QuarantinedRow, SeriesOutcome

if TYPE_CHECKING:
    import pyarrow as pa

# Which windows of which instruments are to be found.
Work = Mapping[Instrument, Sequence[Window]]


@dataclass(slots=True)
class Finding:
    """The outcome for one symbol over some windows."""

    symbol: str
    windows: Sequence[Window]
    tables: list[pa.Table] = field(default_factory=list)
    quarantined: list[QuarantinedRow] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    def outcomes(self) -> list[SeriesOutcome]:
        """Complete is what was asked, less what is missing; gaps are recorded either way."""
        missing = [gap.window for gap in self.gaps if gap.reason == "missing"]
        return [
            SeriesOutcome(
                self.symbol,
                window,
                tuple(subtract([window], missing)),
                tuple(gap for gap in self.gaps if gap.window.overlaps(window)),
            )
            for window in self.windows
        ]


class Finder(Protocol):
    """Finds one dataset's rows for the symbols of a chunk, which bear witness for each other."""

    @property
    def step(self) -> int:
        """About how far apart its rows are."""

    @property
    def page_rows(self) -> int:
        """How many of them a page holds."""

    async def find(self, work: Work) -> list[Finding]: ...


def outside_life(instrument: Instrument, windows: Sequence[Window], life: Window) -> list[Gap]:
    """What lies before the listing or after the delisting."""
    facts = {"listed_at": instrument.listed_at, "delisted_at": instrument.delisted_at}
    return [Gap(window, "not_listed", facts) for window in subtract(windows, [life])]


def inside_life(windows: Sequence[Window], life: Window) -> list[Window]:
    return [part for window in windows if (part := window.clip(life.start, life.end))]
