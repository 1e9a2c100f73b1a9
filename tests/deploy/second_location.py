"""A second code location, as another team on the same Dagster has one."""

from __future__ import annotations

import dagster as dg

from market_assets.defs.raw import raw_assets
from market_assets.settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    return dg.Definitions(assets=raw_assets(load_settings()), executor=dg.in_process_executor)
