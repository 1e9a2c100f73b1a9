"""A person in Dagster's UI: graph, partitions, a backfill by the dialog, metadata, pictures."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest
from driving import DrivenStack

from market_assets.stack.display import BACKFILLS
from market_assets.stack.layout import CHECKOUT

sys.path.insert(0, str(CHECKOUT / "scripts"))

from take_screenshots import ChromiumMissing, DagsterUi, browser_page

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("end_to_end")]

ASSET = "raw/aster_ohlcv"
DRAWN = "image => image.complete && image.naturalWidth > 0"


@pytest.fixture
def ui(stack: DrivenStack) -> Iterator[DagsterUi]:
    try:
        with browser_page() as page:
            yield DagsterUi(page, stack.api.url)
    except ChromiumMissing as error:
        pytest.fail(str(error))


def test_a_range_is_backfilled_and_read_in_the_ui(stack: DrivenStack, ui: DagsterUi) -> None:
    page = ui.page
    ui.asset_graph("binance", "okx", "aster", "core", "aggregates", "features", "risk")

    keys = stack.partitions("aster_ohlcv").keys
    first, last = keys[-12], keys[-7]
    ui.partitions(ASSET)
    ui.backfill_dialog(first, last)
    backfill = ui.launch_backfill()
    ui.backfill(backfill)
    page.get_by_text("Succeeded", exact=True).first.wait_for(timeout=120_000)
    page.get_by_text("100% completed").first.wait_for()
    assert set(keys[-12:-6]) <= stack.partitions("aster_ohlcv").materialised
    ui.open(BACKFILLS)
    page.get_by_text(backfill).first.wait_for()

    ui.partitions(ASSET, last)
    page.get_by_text("rows_inserted").first.wait_for()
    page.get_by_text("latency_ms_p95").first.wait_for(state="attached")
    for number in range(2):
        picture = ui.picture(number)
        assert picture.evaluate(DRAWN)
        page.keyboard.press("Escape")
        page.get_by_role("dialog").first.wait_for(state="detached")
    page.get_by_text(re.compile("^Materialized$")).first.wait_for()
