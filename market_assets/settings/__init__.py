"""One frozen settings object from platform.yaml and the environment, which only this room reads.

`models` says what can be set, `load` finds the file and lays the environment over it, `problems`
turns every mistake into one message, `secrets` holds what is never written to a file.
"""

from market_assets.settings.bigquery import BigQuerySettings
from market_assets.settings.load import load_settings
from market_assets.settings.models import (
    HttpSettings,
    IngestSettings,
    Interval,
    Settings,
    SimulatorSettings,
    Thresholds,
    VenueSettings,
    WarehouseSettings,
)
from market_assets.settings.secrets import Secrets, load_secrets
from market_assets.settings.section import VenueName

__all__ = [
    "BigQuerySettings",
    "HttpSettings",
    "IngestSettings",
    "Interval",
    "Secrets",
    "Settings",
    "SimulatorSettings",
    "Thresholds",
    "VenueName",
    "VenueSettings",
    "WarehouseSettings",
    "load_secrets",
    "load_settings",
]
