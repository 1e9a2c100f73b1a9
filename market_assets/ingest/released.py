"""Rows that broke rules and that a person released: good, however often they are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from market_assets.schemas import arrow
from market_assets.schemas.datasets import OHLCV, Dataset
from market_assets.schemas.validation import Validated
from market_assets.warehouse.contract import QuarantinedRow
from market_assets.warehouse.protocol import Warehouse
from market_assets.warehouse.quarantine import quarantine_id

if TYPE_CHECKING:
    import pyarrow as pa


class Released:
    """What was released of one venue; without a warehouse nothing was.

    Looked up when the first row breaks a rule, so that a run without one pays nothing for it.
    """

    def __init__(
        self, warehouse: Warehouse | None = None, venue: str = "", interval: str = ""
    ) -> None:
        self._warehouse = warehouse
        self._venue = venue
        self._interval = interval
        self._known: dict[str, frozenset[str]] = {}

    def sorted_out(
        self, dataset: Dataset, table: pa.Table, judged: Validated, bad: Sequence[QuarantinedRow]
    ) -> tuple[pa.Table, list[QuarantinedRow]]:
        """The good rows with the released ones, and what is left of the bad (as in `judged`)."""
        import numpy as np
        import pyarrow as pa

        known = self._ids(dataset) if bad else None
        if not known:
            return judged.good, list(bad)
        interval = self._interval if dataset is OHLCV else ""
        kept, held = [], []
        for place, row in zip(judged.bad, bad, strict=True):
            if quarantine_id(self._venue, dataset, interval, row) in known:
                kept.append(place.index)
            else:
                held.append(row)
        if not kept:
            return judged.good, held
        rows = table.take(arrow.indices(np.array(kept)))
        return pa.concat_tables([judged.good, rows]), held

    def _ids(self, dataset: Dataset) -> frozenset[str]:
        if self._warehouse is None:
            return frozenset()
        if dataset.name not in self._known:
            self._known[dataset.name] = self._warehouse.accepted(self._venue, dataset)
        return self._known[dataset.name]
