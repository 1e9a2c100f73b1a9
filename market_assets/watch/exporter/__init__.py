"""`/metrics` for Prometheus and `/health` for whoever watches the watch, over HTTP on loopback.

A process of its own that reads only what the last look left: a scrape asks no warehouse, and a
stopped Dagster is still told. `last_look` reads, `metrics` and `health` say it, `server` serves.
"""
