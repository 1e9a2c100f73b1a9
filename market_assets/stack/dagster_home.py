"""Dagster's own settings, made from dagster.yaml and the section `dagster` of ours.

`python -m market_assets.stack.dagster_home FOLDER` writes them there: containers' first step.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from market_assets.errors import MarketAssetsError, SettingsInvalid
from market_assets.settings import Settings, load_secrets, load_settings
from market_assets.settings.orchestration import PASSWORD_SECRET
from market_assets.settings.secrets import variable_for
from market_assets.stack.layout import CHECKOUT

FILE: Final = "dagster.yaml"
_DOING: Final = "Preparing Dagster's home"
_HEADER: Final = "# Written by market-assets at each start, from dagster.yaml and platform.yaml.\n"
_BACKFILL_TAG: Final = "dagster/backfill"
_LOGS_PREFIX: Final = "compute-logs"

# A code server that starts again is away for some seconds. Without this, a backfill over its assets
# that is looked at meanwhile is given up for good ("the asset no longer exists").
ENVIRONMENT: Final = {"DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR": "true"}

# On Postgres each event is a connection or three. Measured for a run of 480 hours (2026-11-20,
# dagster 1.13.27): 45-50 ms an hour without these, 1.5-1.8 ms with both; SQLite ignores the first.
POSTGRES_ENVIRONMENT: Final = {
    # What a run has materialised is written in one statement.
    "DAGSTER_EVENT_BATCH_SIZE": "500",
    # What a run is about to do is one event, not one for each hour. The price: hours of a failed
    # run are shown as missing and not as failed.
    "DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS": "true",
}


def environment_for(settings: Settings) -> dict[str, str]:
    """What Dagster's processes are told besides dagster.yaml."""
    return ENVIRONMENT | (POSTGRES_ENVIRONMENT if settings.dagster.storage == "postgres" else {})


def write_dagster_yaml(settings: Settings, home: Path, checkout: Path = CHECKOUT) -> Path:
    """The file that Dagster reads in its home; of the password it has the variable's name only."""
    import yaml

    source = checkout / FILE
    if not source.exists():
        raise SettingsInvalid(
            _DOING,
            f"{source} is not there",
            "Start from a checkout of market-assets: dagster.yaml belongs to it",
        )
    document = made_for(settings, yaml.safe_load(source.read_text(encoding="utf-8")))
    home.mkdir(parents=True, exist_ok=True)
    target = home / FILE
    draft = target.with_suffix(".tmp")
    draft.write_text(_HEADER + yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    draft.replace(target)
    return target


def made_for(settings: Settings, base: dict[str, Any]) -> dict[str, Any]:
    """dagster.yaml with the storage, the limits and the logs that the settings ask for."""
    given = settings.dagster
    runs = base["concurrency"]["runs"]
    limits = [limit for limit in runs["tag_concurrency_limits"] if limit["key"] != _BACKFILL_TAG]
    document = base | {
        "concurrency": base["concurrency"]
        | {
            "runs": runs
            | {
                "max_concurrent_runs": given.max_concurrent_runs,
                "tag_concurrency_limits": [
                    *limits,
                    {"key": _BACKFILL_TAG, "limit": given.max_backfill_runs},
                ],
            }
        }
    }
    if given.storage == "postgres":
        document["storage"] = {"postgres": {"postgres_db": _postgres(settings)}}
    if given.compute_logs_bucket is not None:
        document["compute_logs"] = {
            "module": "dagster_gcp.gcs.compute_log_manager",
            "class": "GCSComputeLogManager",
            "config": {"bucket": given.compute_logs_bucket, "prefix": _LOGS_PREFIX},
        }
    return document


def _postgres(settings: Settings) -> dict[str, Any]:
    postgres = settings.dagster.postgres
    # Asked for here: Dagster would say that a variable is missing, and not what for.
    load_secrets().require(PASSWORD_SECRET, doing=_DOING)
    return {
        # The driver by name: since SQLAlchemy 2.1 the plain scheme means psycopg 3, which
        # dagster-postgres 0.29.27 does not bring ("No module named 'psycopg'").
        "scheme": "postgresql+psycopg2",
        "hostname": postgres.host,
        "port": postgres.port,
        "db_name": postgres.database,
        "username": postgres.user,
        "password": {"env": variable_for((PASSWORD_SECRET,))},
        "params": {"sslmode": postgres.sslmode, "application_name": "market-assets"},
    }


def main() -> int:
    [folder] = sys.argv[1:]
    try:
        written = write_dagster_yaml(load_settings(), Path(folder))
    except MarketAssetsError as problem:
        sys.stderr.write(f"{problem}\n")
        return problem.exit_code
    sys.stdout.write(f"{written}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
