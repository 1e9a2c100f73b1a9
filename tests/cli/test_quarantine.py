"""`quarantine list | show | release | drop | revalidate`, and what they say when asked wrongly."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "quality"))

from quarantine_support import ODD, bring, candle, hour

from market_assets.schemas.datasets import OHLCV
from market_assets.warehouse.contract import Batch, QuarantinedRow
from market_assets.warehouse.ducklake import DuckLakeWarehouse

BECAUSE = ("--because", "the venue stands by it")


@pytest.fixture
def held(cli: Any, lake: DuckLakeWarehouse) -> Any:
    """Two odd candles and something that is no row, in the quarantine."""
    bring(lake, candle(1, **ODD), candle(2, **ODD))
    malformed = QuarantinedRow("BTCUSDT", None, ("malformed",), "<b>[odd]</b>")
    nothing = OHLCV.arrow_schema().empty_table()
    lake.commit(Batch("binance", OHLCV, "1h", "run-1", nothing, quarantined=[malformed]))
    return cli


def ids(cli: Any, *options: str) -> list[str]:
    out = cli("quarantine", "list", "--format", "json", *options).out
    return [json.loads(line)["quarantine_id"] for line in out.splitlines()]


def test_the_list_shows_ids_that_other_commands_take(held: Any) -> None:
    ran = held("quarantine", "list")
    assert ran.code == 0
    assert ran.out.count("high_too_low") == 2
    assert f"{hour(1):%Y-%m-%d %H:%M:%S}" in ran.out
    for identity in ids(held):
        assert identity[:12] in ran.out
        assert held("quarantine", "show", identity[:12]).code == 0


def test_the_list_is_narrowed_by_every_filter(held: Any) -> None:
    odd = ids(held, "--reason", "high_too_low")
    assert len(odd) == 2
    assert len(ids(held, "--venue", "binance", "--dataset", "ohlcv", "--symbol", "btcusdt")) == 3
    assert ids(held, "--venue", "okx") == ids(held, "--status", "dropped") == []
    assert ids(held, "--from", "2026-03-01T02:00", "--to", "2026-03-01T03:00") == [
        identity for identity in odd if "02:00" in held("quarantine", "show", identity).out
    ]
    held("quarantine", "drop", odd[0], *BECAUSE)
    assert ids(held, "--status", "dropped") == odd[:1]
    assert len(ids(held, "--status", "all")) == 3
    assert "No such rows" in held("quarantine", "list", "--status", "released").out


def test_a_list_that_is_cut_says_so(held: Any) -> None:
    ran = held("quarantine", "list", "--limit", "2")
    assert "--limit 0 shows all" in ran.out
    assert len(ids(held, "--limit", "2")) == 2
    assert "--limit 0" not in held("quarantine", "list", "--limit", "3").out


def test_show_tells_all_about_a_row_also_where_it_is_no_row(held: Any) -> None:
    [odd, *_] = ids(held, "--reason", "high_too_low")
    ran = held("quarantine", "show", odd)
    for told in (odd, "binance", "run-1", "high_too_low", '"close": 100.25'):
        assert told in ran.out
    [broken] = ids(held, "--reason", "malformed")
    assert "<b>[odd]</b>" in held("quarantine", "show", broken).out
    told = json.loads(held("quarantine", "show", broken, "--format", "json").out)
    assert told["payload"] == "<b>[odd]</b>"


def test_a_release_stores_and_says_what_again_it_says_so_and_ends_well(
    held: Any, lake: DuckLakeWarehouse
) -> None:
    chosen = ids(held, "--reason", "high_too_low")
    ran = held("quarantine", "release", *(i[:10] for i in chosen), *BECAUSE)
    assert ran.code == 0
    assert "2 stored, 0 corrected" in ran.out
    assert lake.read("binance", OHLCV).num_rows == 2
    again = held("quarantine", "release", chosen[0][:10], *BECAUSE)
    assert again.code == 0
    assert "was released before: nothing to do" in again.out
    assert "stored" not in again.out
    assert BECAUSE[1] in held("quarantine", "list", "--status", "released").out


def test_a_drop_again_says_so_and_ends_well(held: Any) -> None:
    [broken] = ids(held, "--reason", "malformed")
    assert "dropped" in held("quarantine", "drop", broken, *BECAUSE).out
    again = held("quarantine", "drop", broken, *BECAUSE)
    assert (again.code, "was dropped before" in again.out) == (0, True)


def test_revalidating_counts_what_passes_and_what_keeps_the_others(
    held: Any, lake: DuckLakeWarehouse
) -> None:
    payload = json.dumps(candle(5), default=str)
    row = QuarantinedRow("BTCUSDT", hour(5), ("rule_of_old",), payload)
    nothing = OHLCV.arrow_schema().empty_table()
    lake.commit(Batch("binance", OHLCV, "1h", "run-1", nothing, quarantined=[row]))
    tried = held("quarantine", "revalidate", "--dry-run")
    assert "4 rows held: 1 pass the rules of today, nothing was changed" in tried.out
    assert lake.read("binance", OHLCV).num_rows == 0
    done = held("quarantine", "revalidate", "--venue", "binance")
    assert "1 pass the rules of today, 1 released" in done.out
    assert "raw.binance_ohlcv: 1" in done.out
    assert "kept by high_too_low: 2" in done.out
    assert "kept by malformed: 1" in done.out
    assert lake.read("binance", OHLCV).num_rows == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", "ffffffffffff"), "no row has an id that begins with"),
        (("show", "ff"), "too short"),
        (("release", "ffffffffffff", *BECAUSE), "no row has an id that begins with"),
        (("drop", "ffffffffffff", "--because", " "), "no reason was given"),
    ],
)
def test_a_wrong_question_gets_one_clear_message(
    held: Any, arguments: tuple[str, ...], told: str
) -> None:
    ran = held("quarantine", *arguments)
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert told in ran.err


def test_a_row_that_cannot_be_stored_is_refused_with_what_to_do(held: Any) -> None:
    [broken] = ids(held, "--reason", "malformed")
    ran = held("quarantine", "release", broken, *BECAUSE)
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert f"quarantine drop {broken[:12]}" in ran.err


def test_a_decision_needs_a_reason(held: Any) -> None:
    for what in ("release", "drop"):
        ran = held("quarantine", what, *ids(held))
        assert ran.code == 2
        assert "--because" in ran.err


def test_looking_before_the_first_ingest_says_so(cli: Any) -> None:
    ran = cli("quarantine", "list")
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert "nothing is ingested yet" in ran.err
