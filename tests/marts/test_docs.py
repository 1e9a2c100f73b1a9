"""dbt's docs as people browse them, and which column is made from which."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from marts_support import MartsLab
from playwright.sync_api import Page, expect, sync_playwright

from market_assets.marts.build import build_docs
from market_assets.marts.project import Project

pytestmark = [pytest.mark.xdist_group("marts"), pytest.mark.browser]
CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="module")
def project(winter: MartsLab) -> Project:
    found = Project(winter.settings)
    build_docs(winter.settings)
    return found


@pytest.fixture
def page(project: Project) -> Page:  # type: ignore[misc]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(project.docs.as_uri())
        yield page
        browser.close()


def test_a_mart_is_found_with_its_columns_and_its_lineage(page: Page) -> None:
    page.get_by_placeholder("Search for models").fill("daily_ohlcv")
    found = page.locator("[ng-bind-html*='getModelName']")
    found.filter(has_text=re.compile("^daily_ohlcv$")).click()
    expect(page).to_have_url(re.compile("model.market_assets.daily_ohlcv$"))
    for text in ("is_complete", "Daily bars from our own hours"):
        expect(page.get_by_text(text).locator("visible=true").first).to_be_attached()
    page.locator(".launcher").click()
    expect(page.get_by_text("Lineage Graph").locator("visible=true")).to_have_count(1)
    expect(page.locator("canvas").first).to_be_visible()


def test_the_overview_explains_the_layers_before_anything_else(page: Page) -> None:
    expect(page.get_by_text("point-in-time", exact=False).first).to_be_visible()


def test_each_column_knows_the_columns_that_it_is_made_from(project: Project) -> None:
    lineage = project.lineage()
    assert sorted(lineage["daily_ohlcv"]["vwap"]) == [
        ["marts", "ohlcv", "quote_volume"],
        ["marts", "ohlcv", "volume"],
    ]
    venues = {table for _, table, _ in lineage["ohlcv"]["close"]}
    assert venues == {"binance_ohlcv", "okx_ohlcv", "aster_ohlcv"}
    assert ["marts", "ohlcv", "close"] in lineage["features_hourly"]["beta_7d"]


def test_docs_and_lineage_are_there_before_anything_is_stored(small: MartsLab) -> None:
    """`up` makes them at its first start."""
    build_docs(small.settings)

    first = Project(small.settings)
    assert first.docs.exists()
    assert ["marts", "ohlcv", "close"] in first.lineage()["features_hourly"]["beta_7d"]
    assert ["raw", "okx_ohlcv", "close"] in first.lineage()["ohlcv"]["close"]
