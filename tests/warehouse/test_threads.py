"""A small lake is built by one thread, a large one by as many as there are."""

from __future__ import annotations

from pathlib import Path

import duckdb

from market_assets.warehouse.connection import attach_lake, prepare
from market_assets.warehouse.threads import take_one_if_small


def threads(lake: duckdb.DuckDBPyConnection) -> int:
    [(number,)] = lake.execute("SELECT current_setting('threads')").fetchall()
    return int(number)


def test_a_lake_that_grows_large_is_built_by_all_threads(tmp_path: Path) -> None:
    with duckdb.connect(config={"allow_unsigned_extensions": "true", "threads": "3"}) as lake:
        prepare(lake)
        attach_lake(lake, tmp_path / "catalog.sqlite", tmp_path / "data", create=True)
        take_one_if_small(lake, small=100_000)
        assert threads(lake) == 1, "of an empty one"

        lake.execute("SET threads = 3")
        # Random, so that no encoding makes them fewer bytes.
        lake.execute("CREATE TABLE large AS SELECT random() AS number FROM range(20_000)")
        take_one_if_small(lake, small=100_000)
        assert threads(lake) == 3

        lake.execute("DELETE FROM large WHERE number < 2")
        take_one_if_small(lake, small=100_000)
        assert threads(lake) == 1, "of what is left, and not of what once was"
