"""Dagster sensors, each a thin wrapper over what judges (marts, health) and tells (alerts)."""
