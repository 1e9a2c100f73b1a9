"""Text that wants to be SQL, and a store with neighbours who must not notice."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from market_assets.schemas.alerts import Alert, AlertDelivery, AlertMember
from market_assets.schemas.datasets import OHLCV
from market_assets.schemas.requests import RequestRecord
from market_assets.schemas.timeline import HOUR_MS, Window, to_datetime, to_ms
from market_assets.warehouse.contract import (
    Batch,
    Build,
    CheckResult,
    Decision,
    Gap,
    MissingSpan,
    QuarantinedRow,
    RepairAttempt,
    SeriesOutcome,
)
from market_assets.warehouse.estimate import Statement
from market_assets.warehouse.protocol import Warehouse
from market_assets.warehouse.sql import literal

START = to_ms(datetime(2026, 1, 31, 12, tzinfo=UTC))
HOURS = Window(START, START + 3 * HOUR_MS)
NEIGHBOUR = "NEIGHBOURUSDT"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
# What has broken others: quotes of every dialect, comments, ends of statements, escapes, formats,
# patterns, our own separators, and letters that look like quotes or that turn the writing round.
PIECES = (
    *("'", '"', "`", "''", "\\", "\\'", "';", "--", "/*", "*/", "#", ";", "\n", "\r", "\t"),
    *("{", "}", "{{ 1 }}", "%s", "%", "_", "$1", "?", ":x", "@p", "$$", "|", "||", ",", "0x27"),
    *("' OR '1'='1", "'; DROP TABLE lake.raw.binance_ohlcv; --", "') OR true --", "NULL"),
    *("x') UNION SELECT * FROM ops.alerts --", "'''", 'r"', "E'\\x27", "\u02bc", "\u2019"),
    *("\u202e", "\u200b", "\U0001f4a5", "\u00e9", "A", "usdt", " "),
)
hostile = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join) | st.text(
    # A NUL ends text in C, and no column of ours may hold one; halves of surrogates are no text.
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]),
    min_size=1,
    max_size=12,
)


def candles(symbol: str, text: str) -> pa.Table:
    row: dict[str, Any] = {
        **dict.fromkeys(("open", "high", "low", "close", "volume", "quote_volume"), 1.0),
        "symbol": symbol,
        "venue": "binance",
        "interval": "1h",
        "num_trades": 1,
        "taker_buy_volume": None,
        "taker_buy_quote_volume": None,
        "ingestion_time": to_datetime(START),
        "source": text,
        "is_backfill": False,
        "run_id": text,
    }
    rows = [row | {"timestamp": to_datetime(start)} for start in HOURS.grid(HOUR_MS)[:2]]
    return pa.Table.from_pylist(rows, schema=OHLCV.arrow_schema())


def batch_of(symbol: str, text: str) -> Batch:
    """A whole window of one symbol, with the text wherever a batch takes one."""
    told = Window(HOURS.end - HOUR_MS, HOURS.end)
    gap = Gap(told, "missing", {text: text, "list": [text]})
    request = RequestRecord(
        to_datetime(START), "binance", text, symbol, 200, text, 1.0, 1, 1, 1, text
    )
    return Batch(
        "binance",
        OHLCV,
        "1h",
        text,
        candles(symbol, text),
        series=[SeriesOutcome(symbol, HOURS, (Window(HOURS.start, told.start),), (gap,))],
        quarantined=[QuarantinedRow(symbol, to_datetime(START), ("high_below_low",), text)],
        requests=[request],
    )


def alert_of(text: str, alert_id: str) -> Alert:
    now = datetime(2026, 2, 1, tzinfo=UTC)
    return Alert(
        alert_id=alert_id,
        key=f"{alert_id}|{text}",
        rule=text,
        scope=text,
        severity="warning",
        peak_severity="warning",
        state="firing",
        change=text,
        title=text,
        members=(AlertMember(text, text),),
        began_at=now,
        changed_at=now,
        sequence=1,
        changed_by=text,
        because=text,
    )


def message_of(text: str, alert_id: str) -> AlertDelivery:
    now = datetime(2026, 2, 1, tzinfo=UTC)
    return AlertDelivery(
        f"m{alert_id}", alert_id, 1, text, "fired", "failed", now, text, text, error=text
    )


def write_everything(store: Warehouse, symbol: str, text: str, alert_id: str) -> None:
    """Put the text into every operation that writes."""
    now = datetime.now(UTC)
    day = to_datetime(START).date()
    span = MissingSpan("binance", "ohlcv", "1h", symbol, HOURS, text)
    store.commit(batch_of(symbol, text))
    [held] = store.quarantined(venue="binance", symbol=symbol)
    store.decide([Decision(held.quarantine_id, "dropped", text)])
    store.record_requests(batch_of(symbol, text).requests)
    store.record_builds([Build(text, day, day, now)], text)
    check = CheckResult(text, text, HOURS, False, "warn", False, 1, None, ({text: text},), text)
    store.record_checks([check])
    store.record_repairs([RepairAttempt(span, 1, "given_up", text, now)])
    store.record_alerts([alert_of(text, alert_id)], [message_of(text, alert_id)])
    store.release_budget(day, text)
    store.note([Statement("check", asset=text, run_id=text)])
    store.settle_costs()


def assert_it_came_back(store: Warehouse, symbol: str, text: str, alert_id: str) -> None:
    """What `write_everything` wrote is there, as it was."""
    rows = store.read("binance", OHLCV, interval="1h", symbols=[symbol])
    assert rows.column("symbol").unique().to_pylist() == [symbol]
    assert rows.column("run_id").unique().to_pylist() == [text]
    assert rows.num_rows == 2
    [gap] = store.gaps("binance", OHLCV, "1h", [symbol], HOURS)[symbol]
    assert gap.evidence == {text: text, "list": [text]}
    assert len(store.covered("binance", OHLCV, "1h", [symbol], HOURS)[symbol]) == 1
    [entry] = store.quarantined(symbol=symbol)
    assert (entry.payload, entry.run_id, entry.decided_because) == (text, text, text)
    assert store.quarantine_entries([entry.quarantine_id]) == [entry]
    assert text in {build.model for build in store.builds(LONG_AGO)}
    assert text in {check.check_name for check in store.check_results(LONG_AGO)}
    assert any(check.sample == ({text: text},) for check in store.check_results(LONG_AGO))
    assert {(span.symbol, span.evidence) for span in store.missing()} >= {
        (symbol, json.dumps({text: text, "list": [text]}, sort_keys=True, separators=(",", ":")))
    }
    assert text in {repair.detail for repair in store.repairs()}
    [alert], [message] = store.alert_history(alert_id)
    assert (alert.title, alert.because, alert.members[0].text) == (text, text, text)
    assert (message.title, message.body, message.error) == (text, text, text)
    assert message == message_of(text, alert_id)
    found = store.ask(f"SELECT * FROM ops.requests WHERE symbol = {literal(symbol)}")
    assert {row["endpoint"] for row in found.to_pylist()} == {text}


def texts(found: object) -> set[str]:
    """Every text in an answer, however deep."""
    if isinstance(found, str):
        return {found}
    if isinstance(found, pa.Table):
        return texts(found.to_pylist())
    if dataclasses.is_dataclass(found) and not isinstance(found, type):
        return texts([getattr(found, field.name) for field in dataclasses.fields(found)])
    if isinstance(found, Mapping):
        return texts(list(found)) | texts(list(found.values()))
    if isinstance(found, Iterable) and not isinstance(found, bytes):
        return set().union(*(texts(part) for part in found))
    return set()
