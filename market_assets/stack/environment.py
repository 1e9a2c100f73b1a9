"""What the processes of a stack get told by their environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from market_assets.marts.dbt_command import SERVER_VARIABLE as DBT_SERVER
from market_assets.settings.load import CONFIG_VARIABLE
from market_assets.settings.secrets import PREFIX as SECRET_PREFIX
from market_assets.settings.variables import PREFIX
from market_assets.stack.layout import Layout
from market_assets.stack.processes import MARK

_LOOPBACK = ("127.0.0.1", "localhost")


def child_environment(
    layout: Layout, mark: str, given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The caller's environment, with one settings file in force and Dagster at home in `layout`."""
    given = os.environ if given is None else given
    # platform.yaml in the state folder already has what these said; saying it twice could differ.
    kept = {
        name: value
        for name, value in given.items()
        if not name.startswith(PREFIX) or name.startswith(SECRET_PREFIX)
    }
    # Without bytecode every run worker would compile Dagster again: 2-4 times slower to start.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    search = kept.get("PYTHONPATH")
    checkout = str(layout.checkout)
    return {
        # Nothing here multiplies matrices, and each process that imports numpy or scipy would have
        # threads for it that spin: 0.15 s of CPU for each of the two (2 cores, 2026-11-22).
        "OPENBLAS_NUM_THREADS": "1",
        **kept,
        "PYTHONPATH": f"{checkout}{os.pathsep}{search}" if search else checkout,
        "PYTHONUNBUFFERED": "1",
        CONFIG_VARIABLE: str(layout.platform),
        "DAGSTER_HOME": str(layout.dagster_home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "GX_ANALYTICS_ENABLED": "false",
        DBT_SERVER: str(layout.dbt_socket),
        **_without_proxy(kept),
        MARK: mark,
    }


def _without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """Loopback is reached directly, also where the environment names a proxy (gRPC asks too)."""
    hosts = [
        host
        for name in ("no_proxy", "NO_PROXY")
        for host in environment.get(name, "").split(",")
        if host
    ]
    told = ",".join(dict.fromkeys([*hosts, *_LOOPBACK]))
    return {"no_proxy": told, "NO_PROXY": told}
