"""What BigQuery and Google's libraries say, as errors of our own tree; no credential is quoted."""

from __future__ import annotations

import re

from market_assets.errors import (
    MarketAssetsError,
    NothingStored,
    QueryTooLarge,
    RequestInvalid,
    WarehouseBusy,
    WarehouseUnwritable,
)
from market_assets.warehouse.faults import NoSuchTable

# What an ASSERT of ours says when somebody else has written since we read.
MOVED = "market-assets: somebody wrote since this was read"

# Reasons by https://cloud.google.com/bigquery/docs/error-messages
_TRANSIENT = frozenset(
    (
        "backendError",
        "internalError",
        "jobBackendError",
        "jobInternalError",
        "jobRateLimitExceeded",
        "rateLimitExceeded",
        "tableUnavailable",
    )
)
_CONFLICT = re.compile(
    r"aborted due to concurrent update|could not serialize access|"
    # the emulator's words, which are DuckLake's
    r"transaction conflict|conflict on |failed to commit ducklake transaction",
    re.IGNORECASE,
)
# An answer that was lost may have been "done": nobody here can know.
_AGAIN = (
    "Run the same command again: what was stored all the same is seen then, and not stored twice."
)
_LOCATION = re.compile(r"\s*\n+\s*Location: .*", re.DOTALL)


def reasons(error: BaseException) -> frozenset[str]:
    """The machine-readable reasons of an error of the API."""
    details = getattr(error, "errors", None) or ()
    return frozenset(str(d.get("reason", "")) for d in details if isinstance(d, dict))


def said(error: BaseException) -> str:
    """Its message in one piece, without the job's identity behind it."""
    text = str(getattr(error, "message", "") or error)
    return _LOCATION.sub("", text).strip().partition("\n")[0]


def is_conflict(error: BaseException) -> bool:
    """Somebody else wrote: what was read has to be read again before it is tried again."""
    text = str(error)
    return MOVED in text or _CONFLICT.search(text) is not None


def is_transient(error: BaseException) -> bool:
    """The same request can succeed in a moment: rate limits, 5xx, cut connections."""
    from google.api_core import exceptions
    from requests.exceptions import ConnectionError as CutConnection
    from requests.exceptions import Timeout

    if isinstance(error, CutConnection | Timeout | ConnectionError | TimeoutError):
        return True
    if reasons(error) & _TRANSIENT:
        return True
    return isinstance(error, exceptions.ServerError | exceptions.TooManyRequests)


def _is_unreached(error: BaseException) -> bool:
    from requests.exceptions import ConnectionError as CutConnection

    return isinstance(error, CutConnection | ConnectionError)


def is_no_such_table(error: BaseException) -> bool:
    from google.api_core import exceptions

    return isinstance(error, exceptions.NotFound) and "table" in str(error).lower()


def explained(error: BaseException, doing: str, project: str) -> MarketAssetsError | None:
    """The error for people, or None when this is not BigQuery's trouble but a bug of ours."""
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError

    known = reasons(error)
    text = str(error)
    if isinstance(error, GoogleAuthError):
        return no_credentials(error)
    if "bytesBilledLimitExceeded" in known or "bytes billed" in text.lower():
        return too_large(error, doing)
    if "quotaExceeded" in known:
        return WarehouseBusy(
            doing,
            f"a quota of BigQuery in project {project} is used up: {said(error)}",
            "Nothing was stored. Daily quotas begin anew at midnight Pacific time; docs/bigquery.md"
            " says which there are and what uses them.",
        )
    if isinstance(error, exceptions.Unauthorized):
        return no_credentials(error)
    if isinstance(error, exceptions.Forbidden):
        return WarehouseUnwritable(
            doing,
            f"the credentials may not do this in project {project}: {said(error)}",
            "Give their account the roles that docs/bigquery.md names, or use those of another.",
        )
    if isinstance(error, exceptions.NotFound | NoSuchTable):
        return _not_found(error, doing, project)
    if isinstance(error, exceptions.RetryError) or _is_unreached(error):
        return WarehouseBusy(
            doing,
            f"BigQuery cannot be reached ({type(error.__cause__ or error).__name__})",
            f"Look at the network and at bigquery.api_endpoint. {_AGAIN}",
        )
    if is_transient(error) or is_conflict(error):
        return WarehouseBusy(
            doing,
            f"BigQuery did not do it in time: {said(error)}",
            _AGAIN,
        )
    return None


def no_credentials(error: BaseException) -> WarehouseUnwritable:
    return WarehouseUnwritable(
        "Connecting to BigQuery",
        f"there are no Google credentials that can be used ({type(error).__name__})",
        "Run `gcloud auth application-default login`, or give this machine a service account"
        " (GOOGLE_APPLICATION_CREDENTIALS names its file), then run the same command again.",
    )


def too_large(error: BaseException, doing: str) -> QueryTooLarge:
    return QueryTooLarge(
        doing,
        f"it would bill more bytes than one query may: {said(error)}",
        "Name only the columns that you need and bound the time by constants (LIMIT saves"
        " nothing), or raise costs.maximum_bytes_billed in platform.yaml",
    )


def nothing_here(dataset: str, project: str) -> NothingStored:
    return NothingStored(
        f"Opening the warehouse in BigQuery project {project}",
        f"nothing is ingested yet: there is no dataset {dataset}",
        "Run `market-assets ingest ...` first, or set bigquery.project, bigquery.location and"
        " bigquery.dataset_prefix to where the data is.",
    )


def sql_refused(error: BaseException) -> RequestInvalid:
    return RequestInvalid(
        "Running SQL on the warehouse", said(error), "Correct the statement and run it again."
    )


def _not_found(error: BaseException, doing: str, project: str) -> MarketAssetsError:
    text = said(error)
    if "location" in text.lower():
        return RequestInvalid(
            doing,
            f"{text} (project {project})",
            "Set bigquery.location to where the datasets are: a job finds only what is in its own"
            " location, and a dataset never moves.",
        )
    return RequestInvalid(
        doing,
        f"{text} (project {project})",
        "Run `market-assets ingest ...` first, or set bigquery.project and"
        " bigquery.dataset_prefix to where the data is.",
    )
