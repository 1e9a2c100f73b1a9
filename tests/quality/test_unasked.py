"""A symbol that is new in the settings is missing where others are stored, and is brought."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab_support import Lab, window

from market_assets.quality.raw_checks import RawJudge
from market_assets.quality.repair import look, run_repair
from market_assets.quality.unasked import ALWAYS, never_asked, record_unasked, unasked
from market_assets.quality.verdicts import Verdict
from market_assets.schemas.datasets import FUNDING_RATES, OHLCV, Dataset
from market_assets.schemas.timeline import HOUR_MS, INTERVALS, Window, subtract, to_ms
from market_assets.settings.quality import CHECK_NAMES

NOW = datetime(2026, 3, 10, 12, 34, tzinfo=UTC)
DAY = window("2026-03-04", "2026-03-05")
NOBODY = {"unproven": "nobody asked for it"}


def collecting(lab: Lab, *symbols: str, **options: object) -> Lab:
    """The other checks are off: they take their time, and have tests of their own."""
    return lab.with_settings(
        venues={"binance": {"symbols": list(symbols), "start": "2026-03-01", **options}},
        quality={"severities": {n: "off" for n in CHECK_NAMES if n != "completeness"}},
    )


def completeness(lab: Lab, dataset: Dataset = OHLCV, span: Window = DAY) -> Verdict:
    judge = RawJudge(lab.lake, lab.settings, "binance", dataset, span, to_ms(NOW))
    [found] = judge.verdicts()
    return found


def named(verdict: Verdict) -> list[tuple[str, str, str, str]]:
    return [(s["symbol"], s["interval"], s["from"], s["to"]) for s in verdict.sample]


@pytest.mark.parametrize("dataset", [OHLCV, FUNDING_RATES], ids=lambda dataset: dataset.name)
def test_a_symbol_that_is_new_in_the_settings_fails_completeness_by_name_until_it_is_brought(
    lab: Lab, dataset: Dataset
) -> None:
    before = collecting(lab, "BTCUSDT")
    before.ingest("binance", "BTCUSDT", DAY, dataset=dataset.name)
    assert completeness(before, dataset).passed

    after = collecting(lab, "BTCUSDT", "1000PEPEUSDT")
    found = completeness(after, dataset)

    interval = "1h" if dataset is OHLCV else ""
    spans = [("1000PEPEUSDT", interval, "2026-03-04 00:00", "2026-03-05 00:00")]
    assert named(found) == spans
    assert found.sample[0]["evidence"] == NOBODY
    assert found.counts == {"1000PEPEUSDT": 1}
    assert found.found == DAY
    after.ingest("binance", "1000PEPEUSDT", DAY, dataset=dataset.name)
    assert completeness(after, dataset).passed


def test_symbols_that_replaced_all_others_and_a_new_candle_length_are_seen_too(lab: Lab) -> None:
    collecting(lab, "BTCUSDT").ingest("binance", "BTCUSDT", DAY)

    replaced = collecting(lab, "ETHUSDT", intervals=["1h", "4h"])

    spans = [(i, "2026-03-04 00:00", "2026-03-05 00:00") for i in ("1h", "4h")]
    assert named(completeness(replaced)) == [("ETHUSDT", *span) for span in spans]


def test_hours_that_nobody_was_asked_about_and_hours_before_the_start_are_nobodys(
    lab: Lab,
) -> None:
    known = window("2026-03-02T06:00", "2026-03-02T12:00")
    collecting(lab, "BTCUSDT").ingest("binance", "BTCUSDT", known)
    both = collecting(lab, "BTCUSDT", "ETHUSDT")

    around = window("2026-03-02", "2026-03-03")
    assert named(completeness(both, span=around)) == [
        ("ETHUSDT", "1h", "2026-03-02 06:00", "2026-03-02 12:00")
    ]
    later = collecting(lab, "BTCUSDT", "ETHUSDT", start="2026-03-03")
    assert completeness(later, span=around).passed


def test_a_symbol_is_not_missing_before_its_listing_and_one_that_nobody_lists_is_said_to_be(
    lab: Lab,
) -> None:
    span, since = window("2026-02-10", "2026-02-11"), {"start": "2026-02-01"}
    collecting(lab, "BTCUSDT", **since).ingest("binance", "BTCUSDT", span)

    found = completeness(collecting(lab, "BTCUSDT", "NEWUSDT", "NOSUCHUSDT", **since), OHLCV, span)

    # NEWUSDT was listed at 13:37.
    assert named(found) == [
        ("NEWUSDT", "1h", "2026-02-10 13:00", "2026-02-11 00:00"),
        ("NOSUCHUSDT", "1h", "2026-02-10 00:00", "2026-02-11 00:00"),
    ]
    assert found.sample[1]["evidence"] == {
        "unproven": "nobody asked for it, and the venue lists no such symbol"
    }


def test_what_nobody_asked_for_is_recorded_as_missing_and_repaired_like_any_hole(lab: Lab) -> None:
    collecting(lab, "BTCUSDT").ingest("binance", "BTCUSDT", DAY)
    lab = collecting(lab, "BTCUSDT", "ETHUSDT", "NOSUCHUSDT")

    found = unasked(lab.lake, lab.settings, "binance", OHLCV, DAY)
    assert record_unasked(lab.lake, "binance", OHLCV, found, "check-1") == 1

    [span] = lab.lake.missing()
    assert (span.symbol, span.window) == ("ETHUSDT", DAY), "a name that is wrong is not asked for"
    assert completeness(lab).counts == {"ETHUSDT": 1, "NOSUCHUSDT": 1}
    [repair] = look(lab.settings, lab.lake, NOW).repairs
    run_repair(repair, lab.settings, lab.lake)
    assert lab.lake.missing() == []
    lab.assert_truth("binance", ["BTCUSDT", "ETHUSDT"], DAY)


steps = st.sampled_from(["1h", "4h", "1d", ""])
hours = st.lists(
    st.tuples(st.integers(0, 96), st.integers(1, 30)).map(
        lambda span: Window(span[0] * HOUR_MS, (span[0] + span[1]) * HOUR_MS)
    ),
    max_size=5,
)


@settings(deadline=None, max_examples=50)
@given(steps, hours, hours, st.integers(0, 96), st.integers(1, 48), st.integers(0, 60))
def test_what_was_never_asked_is_asked_about_elsewhere_and_whole_and_nothing_of_it_is_left_out(
    interval: str, others: list[Window], own: list[Window], first: int, length: int, start: int
) -> None:
    step = INTERVALS.get(interval, HOUR_MS)
    own = [Window(w.start - w.start % step, w.end - w.end % -step) for w in own]
    anywhere = [*others, *own]
    due = Window(first * HOUR_MS, (first + length) * HOUR_MS)
    begins = start * HOUR_MS

    found = never_asked(anywhere, own, interval, due, begins, [ALWAYS])

    slots = {slot for part in found for slot in part.grid(step)}
    assert sum(part.length for part in found) == len(slots) * step
    for slot in range(0, 150 * HOUR_MS, step):
        candle = Window(slot, slot + step)
        closes_in_it = due.start < candle.end <= due.end
        asked_about = not subtract([candle], anywhere)
        is_own = any(candle.overlaps(window) for window in own)
        wanted = closes_in_it and slot >= begins and asked_about and not is_own
        assert (slot in slots) is wanted, candle
