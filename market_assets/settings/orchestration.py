"""Where Dagster keeps what it knows of runs, and how many of them it lets run at once."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from market_assets.settings.section import Section

PASSWORD_SECRET = "dagster_postgres_password"
# https://cloud.google.com/storage/docs/buckets#naming
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


def _check_bucket(name: str | None) -> str | None:
    if name is None or _BUCKET.fullmatch(name):
        return name
    raise PydanticCustomError(
        "refused",
        "not a bucket's name",
        {
            "allowed": "3 or more lower-case letters, digits, hyphens, underscores and dots",
            "fix": "write the bucket's name alone, without gs:// and without a folder",
        },
    )


class PostgresSettings(Section):
    """Dagster's Postgres; its password is the secret dagster_postgres_password."""

    host: str = Field("127.0.0.1", min_length=1, description="Where Postgres answers")
    port: int = Field(5432, ge=1, le=65_535, description="Its port")
    database: str = Field("dagster", min_length=1, description="A database of Dagster's own")
    user: str = Field("dagster", min_length=1, description="A user who owns that database")
    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = Field(
        "prefer", description="Whether the connection is encrypted, as libpq names it"
    )


class DagsterSettings(Section):
    """Dagster's own storage and limits; the Helm chart writes these itself from its values."""

    storage: Literal["sqlite", "postgres"] = Field(
        "sqlite", description="Where runs, events and ticks are kept; sqlite is a folder"
    )
    postgres: PostgresSettings = Field(
        default_factory=PostgresSettings, description="Where Postgres is"
    )
    max_concurrent_runs: int = Field(
        3, ge=1, le=1000, description="Runs at once; each needs about 2 s of CPU only to start"
    )
    max_backfill_runs: int = Field(
        2, ge=1, le=1000, description="How many of these may belong to backfills"
    )
    compute_logs_bucket: Annotated[str | None, AfterValidator(_check_bucket)] = Field(
        None, description="Google Cloud Storage bucket for what runs print; null keeps it in files"
    )

    @model_validator(mode="after")
    def _leaves_room_for_the_hour(self) -> DagsterSettings:
        """An hourly run never waits behind a year of history."""
        if self.max_backfill_runs > self.max_concurrent_runs:
            raise PydanticCustomError(
                "key:max_backfill_runs",
                "more runs of backfills than runs",
                {
                    "allowed": f"at most dagster.max_concurrent_runs, {self.max_concurrent_runs}",
                    "fix": f"write {max(1, self.max_concurrent_runs - 1)}",
                },
            )
        return self
