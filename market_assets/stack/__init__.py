"""Dagster's processes as one thing that starts, is watched, and stops with everything it started.

`layout` says where things lie, `processes` finds and ends whole trees, `guard` does so when we were
killed, `stack` starts and watches, `dagster_api` talks to the running Dagster, `first_days` brings
the demo's data, `commands` is what `market-assets demo|up` do.
"""
