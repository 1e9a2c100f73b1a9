"""Where and how rows are kept when warehouse.engine is bigquery. Credentials are Google's own."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from market_assets.settings.rules import without_repeats
from market_assets.settings.section import Section, Url

LiveDataset = Literal["ohlcv", "funding_rates", "funding_predictions"]

# https://cloud.google.com/resource-manager/docs/creating-managing-projects, with a domain's prefix
_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_LOCATION = re.compile(r"[A-Za-z]+(-[a-z]+[0-9]+)?")
_PREFIX = re.compile(r"[A-Za-z0-9_]{0,100}")
# https://cloud.google.com/bigquery/docs/labels-intro
_LABEL = re.compile(r"[a-z0-9_-]{0,63}")
_MOST_LABELS = 60  # 64 of a table or job, and up to four are the platform's own
_KMS_KEY = re.compile(r"projects/[^/\s]+/locations/[^/\s]+/keyRings/[^/\s]+/cryptoKeys/[^/\s]+")


def _matching(pattern: re.Pattern[str], problem: str, allowed: str, fix: str) -> AfterValidator:
    def check(value: str | None) -> str | None:
        if value is None or pattern.fullmatch(value):
            return value
        raise PydanticCustomError("refused", problem, {"allowed": allowed, "fix": fix})

    return AfterValidator(check)


def is_on_this_machine(url: str | None) -> bool:
    """Whether a URL is one of loopback, where an emulator may listen and nobody listens in."""
    host = urlsplit(url or "").hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_encrypted(url: str | None) -> str | None:
    if url is None or url.startswith("https:") or is_on_this_machine(url):
        return url
    raise PydanticCustomError(
        "refused",
        "credentials would be sent there unencrypted",
        {"allowed": "https, or a loopback address", "fix": "write it with https://"},
    )


def _check_labels(labels: dict[str, str]) -> dict[str, str]:
    if len(labels) > _MOST_LABELS:
        raise PydanticCustomError(
            "refused",
            "more labels than BigQuery takes",
            {"allowed": f"at most {_MOST_LABELS}", "fix": f"remove {len(labels) - _MOST_LABELS}"},
        )
    for name, value in labels.items():
        if not (_LABEL.fullmatch(name) and name[:1].isalpha() and _LABEL.fullmatch(value)):
            raise PydanticCustomError(
                "refused",
                "a label that BigQuery refuses",
                {
                    "allowed": "lower-case letters, digits, _ and -, at most 63; a name begins"
                    " with a letter",
                    "fix": f"rename {name!r}: {value!r}, such as team: research",
                },
            )
    return labels


class BigQuerySettings(Section):
    """BigQuery as the warehouse. It is reached with Application Default Credentials."""

    project: Annotated[
        str | None,
        _matching(
            _PROJECT,
            "not a project's id",
            "6 to 30 lower-case letters, digits and hyphens, as in acme-market-data",
            "write the project's id, not its name or number",
        ),
    ] = Field(None, description="The Google Cloud project; null is that of the credentials")
    location: Annotated[
        str,
        _matching(
            _LOCATION,
            "not a location",
            "a region or multi-region, as in europe-west4 or EU",
            "write it as in europe-west4",
        ),
    ] = Field("EU", description="Region of the datasets; it cannot be changed later")
    dataset_prefix: Annotated[
        str,
        _matching(
            _PREFIX,
            "not the beginning of a dataset's name",
            "letters, digits and underscores",
            "write it as in market_",
        ),
    ] = Field("", description="Put before the datasets raw, ops, marts, ...: market_ -> market_raw")
    api_endpoint: Annotated[Url | None, AfterValidator(_check_encrypted)] = Field(
        None,
        description="Where its API answers if not at Google's address: a private endpoint, or an"
        " emulator; on a loopback address no credentials are sent",
    )
    require_partition_filter: bool = Field(
        False,
        description="Whether BigQuery refuses queries of raw tables that do not bound the time",
    )
    expire_historical: bool = Field(
        True,
        description="Whether BigQuery itself drops days older than warehouse.retention_days (or"
        " that of the venue)",
    )
    live_datasets: Annotated[tuple[LiveDataset, ...], AfterValidator(without_repeats)] = Field(
        (), description="Datasets whose raw tables are partitioned by hour and kept briefly"
    )
    live_expiry_days: int = Field(
        30,
        ge=1,
        le=400,  # a table has 10,000 partitions at most: 416 days of hours
        description="Days that the live datasets are kept",
    )
    backup_days: int = Field(
        35, ge=1, le=3650, description="Days that a backup is kept: snapshots of the tables"
    )
    labels: Annotated[dict[str, str], AfterValidator(_check_labels)] = Field(
        default_factory=lambda: {"app": "market-assets"},
        description="Labels of datasets, tables and jobs, for the bill",
    )
    kms_key: Annotated[
        str | None,
        _matching(
            _KMS_KEY,
            "not the name of a key",
            "projects/<p>/locations/<l>/keyRings/<r>/cryptoKeys/<k>",
            "copy the key's resource name from Cloud KMS",
        ),
    ] = Field(None, description="Cloud KMS key that encrypts the tables; null is Google's own")
    storage_read_api: bool = Field(
        True, description="Whether large answers are fetched by the Storage Read API when installed"
    )
    job_timeout_seconds: float = Field(
        600.0, ge=1, le=21_600, description="How long one job may take before it is cancelled"
    )
    retry_seconds: float = Field(
        120.0, ge=0, le=3600, description="How long a write is tried again while others conflict"
    )
