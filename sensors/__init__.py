"""Dagster sensors, each a thin wrapper over market_assets.health and market_assets.alerts."""
