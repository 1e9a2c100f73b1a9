"""Funding from the bulk archive: settlements with their interval, beside what the API tells."""

from __future__ import annotations

import hashlib
import io
import urllib.request
import zipfile

import pytest
from archive_support import (
    ARCHIVED,
    TWO,
    a_job,
    settlements,
    with_archives,
)
from lab_support import Lab, ms, relay, window

from market_assets.ingest.archive import fill_from_archive
from market_assets.schemas.datasets import FUNDING_RATES
from market_assets.schemas.timeline import HOUR_MS, MINUTE_MS, Window, to_ms
from market_assets.warehouse.contract import Batch, Gap, SeriesOutcome


@pytest.fixture
def lab(lab: Lab) -> Lab:
    return with_archives(lab)


MONTHS = window("2026-01-01", "2026-03-01")


@ARCHIVED
def test_settlements_come_with_their_interval_and_need_no_further_asking(lab: Lab, venue: str):
    """8 h, 4 h, and a change from 8 h to 4 h on 1 February."""
    symbols = ("BTCUSDT", "1000PEPEUSDT", "FASTUSDT")
    summary = settlements(lab, venue, symbols, MONTHS)
    summary.raise_if_incomplete()
    lab.assert_funding_truth(venue, symbols, MONTHS)
    assert summary.weight == 0
    covered = lab.lake.covered(venue, FUNDING_RATES, "", symbols, MONTHS)
    assert covered == {symbol: [MONTHS] for symbol in symbols}


def test_what_only_the_api_tells_of_a_settlement_is_kept_and_is_no_correction(lab: Lab):
    lab.ingest("binance", "BTCUSDT", MONTHS, dataset="funding_rates").raise_if_incomplete()
    before = lab.lake.read("binance", FUNDING_RATES).to_pylist()
    assert all(row["mark_price"] for row in before)
    summary = settlements(lab, "binance", "BTCUSDT", MONTHS, refresh=True)
    assert (summary.corrected, summary.unchanged) == (0, len(before))
    assert lab.lake.read("binance", FUNDING_RATES).to_pylist() == before


def test_the_api_adds_what_the_archive_does_not_tell(lab: Lab):
    settlements(lab, "binance", "BTCUSDT", MONTHS).raise_if_incomplete()
    lab.ingest("binance", "BTCUSDT", MONTHS, dataset="funding_rates", refresh=True)
    rows = lab.lake.read("binance", FUNDING_RATES).to_pylist()
    assert all(row["mark_price"] for row in rows)
    again = settlements(lab, "binance", "BTCUSDT", MONTHS, refresh=True)
    assert again.corrected == 0


def test_settlements_that_nobody_told_are_repaired_to_the_truth(lab: Lab):
    venue = "binance"
    lab.exchange.control(faults={"empty_page": 1.0})
    told = lab.ingest(venue, TWO, MONTHS, dataset="funding_rates")
    assert not told.complete
    job = a_job(venue, TWO, MONTHS, dataset="funding_rates")
    filled = fill_from_archive(job, told.missing, lab.settings, lab.lake)
    filled.raise_if_incomplete()
    lab.exchange.control(faults={"empty_page": 0.0})
    lab.assert_funding_truth(venue, TWO, MONTHS)
    assert lab.ingest(venue, TWO, MONTHS, dataset="funding_rates").complete


def test_a_settlement_that_was_thought_due_stays_missing_until_a_row_says_otherwise(lab: Lab):
    """Nobody settled BTC at 04:00; a gap at that minute is not for an archive's silence to end."""
    due = Window(ms("2026-01-10T04:00"), ms("2026-01-10T04:01"))
    gap = Gap(due, "missing", {"unproven": "a test says so"})
    lab.lake.commit(
        Batch(
            "binance", FUNDING_RATES, "", "run-0", FUNDING_RATES.arrow_schema().empty_table(),
            [SeriesOutcome("BTCUSDT", MONTHS, (), (gap,))],
        )
    )  # fmt: skip
    summary = settlements(lab, "binance", "BTCUSDT", MONTHS)
    assert [item.gap for item in summary.missing] == [gap]
    assert lab.lake.gaps("binance", FUNDING_RATES, "", ["BTCUSDT"], MONTHS)["BTCUSDT"] == [gap]


def test_a_settlement_that_breaks_a_rule_is_held_and_its_time_is_not_settled(lab: Lab):
    """A rate outside of every cap, in a file whose checksum holds."""
    bad = b",0.90000000"

    def spoiled(content: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            (name,) = packed.namelist()
            lines = packed.read(name).splitlines()
        lines[10] = lines[10].rpartition(b",")[0] + bad
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as packed:
            packed.writestr(zipfile.ZipInfo(name), b"\n".join(lines))
        return made.getvalue()

    zips: dict[str, bytes] = {}

    def rewrite(path: str, body: bytes) -> bytes:
        if path.endswith(".CHECKSUM"):
            return hashlib.sha256(zips[path.removesuffix(".CHECKSUM")]).hexdigest().encode() + (
                b"  " + path.removesuffix(".CHECKSUM").rpartition("/")[2].encode()
            )
        return zips[path]

    january = window("2026-01-01", "2026-02-01")
    path = (
        "/binance/archive/data/futures/um/monthly/fundingRate/BTCUSDT"
        "/BTCUSDT-fundingRate-2026-01.zip"
    )
    with urllib.request.urlopen(lab.exchange.url + path) as answer:
        zips[path] = spoiled(answer.read())
    with relay(lab.exchange, rewrite) as url:
        lying = lab.with_settings(venues={"binance": {"archive_url": f"{url}/binance/archive"}})
        summary = settlements(lying, "binance", "BTCUSDT", january)
    (held,) = lab.quarantine()
    assert held["reasons"] == "funding_outside_cap"
    moment = to_ms(held["timestamp"])
    assert [i.gap.window for i in summary.missing] == [
        Window(moment - 8 * HOUR_MS + MINUTE_MS, moment + 8 * HOUR_MS)
    ]
    lab.ingest("binance", "BTCUSDT", january, dataset="funding_rates").raise_if_incomplete()
    lab.assert_funding_truth("binance", "BTCUSDT", january)
