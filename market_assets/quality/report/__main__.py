"""`python -m market_assets.quality.report`: yesterday's report, for a stack that has just begun."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from market_assets.quality.report.gathering import gather
from market_assets.quality.report.writing import report_folder, write
from market_assets.settings import load_settings
from market_assets.warehouse.metering import charged_to
from market_assets.warehouse.opening import open_warehouse

if __name__ == "__main__":
    settings = load_settings()
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    # Not read-only: on the first start there may be nothing yet, and the report says so.
    with open_warehouse(settings) as warehouse, charged_to(label="report"):
        write(gather(settings, warehouse, yesterday), report_folder(settings))
