"""The code location that Dagster loads: everything there is, made from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from market_assets.defs.assembly import assemble
from market_assets.process_end import leave_memory_to_the_system
from market_assets.settings import load_settings
from sensors.marts import marts_sensor
from sensors.repair import repair_sensor
from sensors.watch import watch_sensor

if TYPE_CHECKING:
    from market_assets.settings import Settings

# Dagster imports this in code servers and in the process of each run.
leave_memory_to_the_system()


@dg.definitions
def defs() -> dg.Definitions:
    return everything(load_settings())


def everything(settings: Settings) -> dg.Definitions:
    """What one installation has: the reference of the assets is made from the defaults'."""
    return dg.Definitions.merge(
        assemble(settings),
        dg.Definitions(
            sensors=[marts_sensor(settings), repair_sensor(settings), watch_sensor(settings)]
        ),
    )
