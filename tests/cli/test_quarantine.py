"""`quarantine list | show | release | drop | revalidate`, and what they say when asked wrongly."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "quality"))

from quarantine_support import ODD, bring, candle, hour

from market_assets.schemas.datasets import FUNDING_RATES, OHLCV, Dataset
from market_assets.warehouse.contract import Batch, Decision, QuarantinedRow
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


def ids(lake: DuckLakeWarehouse, reason: str) -> list[str]:
    return [entry.quarantine_id for entry in lake.quarantined(reason=reason)]


def test_the_list_shows_ids_that_other_commands_take(held: Any, lake: DuckLakeWarehouse) -> None:
    ran = held("quarantine", "list")
    assert ran.code == 0
    assert f"{hour(1):%Y-%m-%d %H:%M:%S}" in ran.out
    for identity in (odd := ids(lake, "high_too_low")):
        assert identity[:12] in ran.out
    assert "--limit 0" not in ran.out
    cut = held("quarantine", "list", "--limit", "2")
    assert cut.out.count("BTCUSDT") == 2
    assert "--limit 0 shows all" in cut.out
    told = held("quarantine", "show", odd[0][:12]).out
    for fact in (odd[0], "binance", "run-1", "high_too_low", '"close": 100.25'):
        assert fact in told


def test_the_list_is_narrowed_by_every_filter(cli: Any, lake: DuckLakeWarehouse) -> None:
    """Each of the others differs from the one that fits in one thing."""

    def hold(venue: str, dataset: Dataset, *rows: QuarantinedRow) -> None:
        nothing = dataset.arrow_schema().empty_table()
        lake.commit(Batch(venue, dataset, "", "run-1", nothing, quarantined=rows))

    fits = QuarantinedRow("BTCUSDT", hour(2), ("high_too_low",), "{}")
    hold(
        "binance",
        OHLCV,
        fits,
        replace(fits, payload="[1]"),
        replace(fits, symbol="ETHUSDT"),
        replace(fits, reasons=("low_too_high",)),
        replace(fits, timestamp=hour(1)),
        replace(fits, timestamp=hour(3)),
    )
    hold("okx", OHLCV, fits)
    hold("binance", FUNDING_RATES, fits)
    [decided] = [row for row in lake.quarantined() if row.payload == "[1]"]
    lake.decide([Decision(decided.quarantine_id, "dropped", "garbage")])
    of_one = ("--venue", "binance", "--dataset", "ohlcv", "--symbol", "btcusdt")
    when = ("--from", "2026-03-01T02:00", "--to", "2026-03-01T03:00")
    ran = cli("quarantine", "list", *of_one, *when, "--reason", "high_too_low", "--format", "json")
    [told] = [json.loads(line) for line in ran.out.splitlines()]
    assert (told["payload"], told["timestamp"]) == ("{}", str(hour(2)))
    dropped = cli("quarantine", "list", "--status", "dropped").out
    assert decided.quarantine_id[:12] in dropped
    assert dropped.count("2026-03-01") == 1


def test_show_tells_all_about_what_is_no_row(held: Any, lake: DuckLakeWarehouse) -> None:
    [broken] = ids(lake, "malformed")
    assert "<b>[odd]</b>" in held("quarantine", "show", broken).out
    told = json.loads(held("quarantine", "show", broken, "--format", "json").out)
    assert told["payload"] == "<b>[odd]</b>"


def test_a_release_stores_and_says_what_again_it_says_so_and_ends_well(
    held: Any, lake: DuckLakeWarehouse
) -> None:
    chosen = ids(lake, "high_too_low")
    ran = held("quarantine", "release", *(i[:10] for i in chosen), *BECAUSE)
    assert ran.code == 0
    assert "2 stored, 0 corrected" in ran.out
    assert lake.read("binance", OHLCV).num_rows == 2
    again = held("quarantine", "release", chosen[0][:10], *BECAUSE)
    assert again.code == 0
    assert "was released before: nothing to do" in again.out
    assert "stored" not in again.out
    assert BECAUSE[1] in held("quarantine", "list", "--status", "released").out


def test_a_drop_again_says_so_and_ends_well(held: Any, lake: DuckLakeWarehouse) -> None:
    [broken] = ids(lake, "malformed")
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


WRONG = [
    (("show", "ffffffffffff"), "no row has an id that begins with"),
    (("show", "ff"), "too short"),
    (("release", "ffffffffffff", *BECAUSE), "no row has an id that begins with"),
    (("drop", "ffffffffffff", "--because", " "), "no reason was given"),
]


def test_a_wrong_question_gets_one_clear_message(held: Any, lake: DuckLakeWarehouse) -> None:
    [broken] = ids(lake, "malformed")
    impossible = (("release", broken, *BECAUSE), f"quarantine drop {broken[:12]}")
    for arguments, told in (*WRONG, impossible):
        ran = held("quarantine", *arguments)
        assert ran.code == 2, arguments
        ran.assert_one_clear_message()
        assert told in ran.err
    for what in ("release", "drop"):
        ran = held("quarantine", what, broken)
        assert ran.code == 2
        assert "--because" in ran.err


def test_looking_before_the_first_ingest_says_so(cli: Any) -> None:
    ran = cli("quarantine", "list")
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert "nothing is ingested yet" in ran.err


def test_what_is_said_and_stored_is_shown_as_it_is(held: Any, lake: DuckLakeWarehouse) -> None:
    why = "see [/issue] [b]7[/b]"
    assert held("quarantine", "drop", *ids(lake, "malformed"), "--because", why).code == 0
    listed = held("quarantine", "list", "--status", "dropped")
    assert (listed.code, why in listed.out) == (0, True)
    asked = held("query", 'select decided_because as "[/x]" from raw.quarantine')
    assert asked.code == 0
    assert why in asked.out
    assert "[/x]" in asked.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("quarantine", "list", "--limit", "-5"),
        ("query", "select 1", "--limit", "-1"),
        ("as-of", "2026-03-01", "--venue", "binance", "--limit", "-1"),
        ("as-of", "0001-01-01T00:00+05:00", "--venue", "binance"),
        ("report", "--day", "0001-01-01"),
    ],
)
def test_numbers_and_times_out_of_range_are_refused(held: Any, arguments: tuple[str, ...]) -> None:
    ran = held(*arguments)
    assert ran.code == 2
    assert "Invalid value for" in ran.err


@pytest.mark.parametrize("command", [("quarantine", "revalidate"), ("repair",)])
def test_a_dry_run_makes_no_warehouse(cli: Any, tmp_path: Path, command: tuple[str, ...]) -> None:
    ran = cli(*command, "--dry-run")
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert not (tmp_path / "warehouse").exists()
