"""The code location that Dagster loads: everything there is, made from the settings."""

from __future__ import annotations

import dagster as dg

from market_assets.defs.assembly import assemble
from market_assets.settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    return assemble(load_settings())
