"""Dagster's view of the platform: partitions, assets, automation, schedules and jobs.

The only rooms that know Dagster are this one, `definitions` and `sensors`; the work itself is
done by `ingest` and `warehouse`.
"""
