"""One connection to the lake, made when it is first needed and again when it has to be."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from market_assets.warehouse import faults
from market_assets.warehouse.layout import Layout

if TYPE_CHECKING:
    import duckdb


class Link:
    def __init__(
        self, layout: Layout, connect: Callable[[Layout], duckdb.DuckDBPyConnection]
    ) -> None:
        self._layout = layout
        self._connect = connect
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._file: tuple[int, int] | None = None
        self._pid = os.getpid()
        self._connecting = threading.Lock()

    def connected(self) -> duckdb.DuckDBPyConnection:
        if os.getpid() != self._pid:
            raise RuntimeError(
                "a warehouse cannot be used in a forked process: open it again there"
                " (or start processes with spawn)"
            )
        file = self._identity()
        with self._connecting:
            if file != self._file:
                # A restore has put another catalog there. What the lake remembers of the old one
                # (statistics by number of snapshot) would be wrong for the new.
                self.close()
            if self._connection is None:
                self._connection = self._connect(self._layout)
                self._file = file
            return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _identity(self) -> tuple[int, int]:
        try:
            stat = self._layout.catalog.stat()
        except FileNotFoundError:
            raise faults.nothing_here(self._layout.root) from None
        return stat.st_dev, stat.st_ino
