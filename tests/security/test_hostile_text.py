"""Text from outside is only ever text: it comes back as it was, and nothing else has changed.

Symbols, run ids, reasons, evidence, notes: each goes through every operation that takes one, made
of what breaks SQL that is put together from strings.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hostile_support import (
    HOURS,
    LONG_AGO,
    NEIGHBOUR,
    PIECES,
    START,
    assert_it_came_back,
    hostile,
    texts,
    write_everything,
)
from hypothesis import HealthCheck, Phase, assume, example, given, settings

from market_assets.errors import RequestInvalid
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.timeline import to_datetime
from market_assets.warehouse.ducklake import DuckLakeWarehouse
from market_assets.warehouse.sql import identifier

# An example is a dozen commits: few of them, each with much in it, and no search for a smaller one.
LAWS = settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
ALL_OF_IT = "".join(PIECES)
Ask = Callable[[DuckLakeWarehouse, str], Any]
# Every operation that is asked with text. What may answer "no such thing" does so in our own words.
ASKED: dict[str, Ask] = {
    "accepted": lambda store, text: store.accepted(text, OHLCV),
    "accepted_keys": lambda store, text: store.accepted_keys(text, OHLCV, HOURS),
    "alert_history": lambda store, text: store.alert_history(text),
    "alert_named": lambda store, text: store.alert_named(text),
    "coverage_by_day": lambda store, text: store.coverage_by_day(venues=[text], datasets=[text]),
    "covered": lambda store, text: store.covered("binance", OHLCV, "1h", [text], HOURS)[text],
    "gaps": lambda store, text: store.gaps("binance", OHLCV, "1h", [text], HOURS)[text],
    "quarantine_entries": lambda store, text: store.quarantine_entries([text]),
    "quarantined": lambda store, text: [
        *store.quarantined(venue=text),
        *store.quarantined(symbol=text),
        *store.quarantined(status=text),
        *store.quarantined(reason=text),
        *store.quarantined(dataset=text),
    ],
    "read": lambda store, text: store.read("binance", OHLCV, interval=text, symbols=[text]),
    "read_as_of": lambda store, text: store.read_as_of(
        "binance", OHLCV, datetime.now(UTC), interval=text, symbols=[text]
    ),
    "read_snapshot": lambda store, text: store.read_snapshot(
        "binance", OHLCV, datetime.now(UTC), interval=text, symbols=[text]
    ),
    "ensure": lambda store, text: store.ensure([text]),
    "note_jobs_of_dbt": lambda store, text: store.note_jobs_of_dbt(text, LONG_AGO),
}
WRITTEN = {
    "commit", "decide", "record_requests", "record_builds", "record_checks", "record_repairs",
    "record_alerts", "release_budget", "note", "settle_costs",
}  # fmt: skip
# What goes in is no text, or it is meant as SQL (`query` is fenced: it has tests of its own).
NO_TEXT = {
    "alerts", "ask", "backup", "builds", "changes", "check_results", "maintain", "query",
    "released", "restore", "spent", "writing_alone",
}  # fmt: skip


@pytest.fixture
def store(lake: DuckLakeWarehouse) -> DuckLakeWarehouse:
    """Somebody else's rows are in every table."""
    write_everything(lake, NEIGHBOUR, "neighbour", uuid.uuid4().hex)
    return lake


def everything(store: DuckLakeWarehouse) -> dict[str, int]:
    """The neighbour's rows of each table."""
    counted = {}
    for table, size in sorted(store.table_sizes().items()):
        if size.rows:
            schema, name = table.split(".")
            found = store.ask(f"SELECT * FROM {schema}.{identifier(name)}").to_pylist()
            told = [json.dumps(row, default=str, sort_keys=True) for row in found]
            counted[table] = hash(tuple(sorted(row for row in told if "neighbour" in row.lower())))
    return counted


def test_every_operation_of_the_store_that_is_given_something_is_known_here():
    """A new one that takes text belongs into ASKED or write_everything."""
    given = {
        name
        for name, one in inspect.getmembers(DuckLakeWarehouse, inspect.isfunction)
        if name[0] != "_" and len(inspect.signature(one).parameters) > 1
    }
    assert given == {*ASKED, *WRITTEN - {"settle_costs"}, *NO_TEXT}


@LAWS
@given(text=hostile)
@example(text=ALL_OF_IT)
def test_what_is_written_comes_back_unchanged_and_nobody_else_notices(
    store: DuckLakeWarehouse, text: str
):
    assume("neighbour" not in text.lower())
    alert_id = uuid.uuid4().hex
    symbol = f"{text}{alert_id}"  # each example has a symbol of its own
    before, tables = everything(store), store.tables()
    write_everything(store, symbol, text, alert_id)
    assert store.tables() == tables
    assert everything(store) == before

    assert_it_came_back(store, symbol, text, alert_id)
    # BigQuery notes what its jobs say themselves.
    assert text in {spend.asset for spend in store.spent(LONG_AGO)}


@LAWS
@given(text=hostile)
@example(text=ALL_OF_IT)
def test_who_asks_with_it_gets_nothing_of_others_and_changes_nothing(
    store: DuckLakeWarehouse, text: str
):
    assume("neighbour" not in text.lower())
    before, tables = everything(store), store.tables()
    found: set[str] = set()
    for name, ask in ASKED.items():
        with contextlib.suppress(RequestInvalid):  # "no such thing", in our own words
            found = texts(ask(store, text))
        seen = {one for one in found if "neighbour" in one.lower()}
        assert not seen, f"{name} told of somebody else"
    assert store.tables() == tables
    assert everything(store) == before


@pytest.mark.parametrize("venue", ["binance; DROP", "b'x", "a b", "../x", "", "BINANCE", "ö"])
def test_a_venue_becomes_a_tables_name_and_is_checked_as_one(lake: DuckLakeWarehouse, venue: str):
    for ask in (
        lambda: lake.read(venue, OHLCV),
        lambda: lake.read_as_of(venue, OHLCV, datetime.now(UTC)),
        lambda: lake.ensure([venue]),
    ):
        with pytest.raises(RequestInvalid, match="not a venue's name"):
            ask()


def test_a_reason_for_releasing_a_budget_is_kept_word_for_word(store: DuckLakeWarehouse):
    day = to_datetime(START).date() + timedelta(days=1)
    said = 'it\'s "fine"; -- \\ %s {x}'
    assert store.release_budget(day, said)
    assert store.released(day) == said
