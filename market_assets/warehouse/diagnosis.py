"""What would keep BigQuery from being the warehouse here, as findings; nothing is made or changed.

Credentials are looked for the way Google's client does, and told by their kind: never shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

    from market_assets.settings import Settings

# A person waits for the answer.
_PATIENCE_SECONDS = 10.0
# By the module that google-auth has each kind in.
_KINDS: Mapping[str, str] = {
    "google.oauth2.credentials": "a person's, from gcloud auth application-default login",
    "google.oauth2.service_account": "a service account's key file",
    "google.auth.compute_engine.credentials": "this machine's own service account",
    "google.auth.impersonated_credentials": "a service account, impersonated",
    "google.auth.identity_pool": "another identity provider's, by workload identity federation",
    "google.auth.external_account_authorized_user": "a person's, by workforce federation",
    "google.auth.aws": "Amazon's, by workload identity federation",
    "google.auth.pluggable": "a program's, by workload identity federation",
}


@dataclass(frozen=True, slots=True)
class Noticed:
    """One thing that was looked at, and what to do about it when it is not ok."""

    check: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    action: str = ""


def bigquery_findings(settings: Settings) -> list[Noticed]:
    """Endpoint, credentials, project, the right to ask, and where the datasets are."""
    from market_assets.errors import MarketAssetsError
    from market_assets.warehouse.bigquery.client import connect, is_emulator

    given = settings.bigquery
    emulated = is_emulator(given)
    findings = [_endpoint(given.api_endpoint, emulated=emulated)]
    if not emulated:
        found = _credentials()
        findings.append(found)
        if found.status == "fail":
            return findings
    try:
        client = connect(given)
    except MarketAssetsError as error:
        return [*findings, Noticed("BigQuery client", "fail", error.problem, error.action)]
    try:
        return [*findings, *_asked(client, settings)]
    finally:
        client.close()


def _endpoint(address: str | None, *, emulated: bool) -> Noticed:
    check = "BigQuery endpoint"
    if emulated:
        return Noticed(
            check,
            "warn",
            f"{address}: on this machine, so an emulator; no credentials are sent",
            "remove bigquery.api_endpoint for the real service",
        )
    return Noticed(check, "ok", address or "Google's own")


def _credentials() -> Noticed:
    import google.auth
    from google.auth.exceptions import GoogleAuthError

    from market_assets.warehouse.bigquery.faults import no_credentials

    check = "Google credentials"
    try:
        found, _ = google.auth.default()
    except (GoogleAuthError, OSError) as error:
        told = no_credentials(error)
        return Noticed(check, "fail", told.problem, told.action)
    module = type(found).__module__
    return Noticed(check, "ok", f"found: {_KINDS.get(module, 'of another kind')}")


def _asked(client: Client, settings: Settings) -> Iterator[Noticed]:
    """What only BigQuery itself can tell."""
    given = settings.bigquery
    where = "bigquery.project" if given.project else "from the credentials"
    yield Noticed("BigQuery project", "ok", f"{client.project} ({where})")
    refused = _dry_run(client)
    if refused is not None:
        yield refused
        return
    yield Noticed("BigQuery permission", "ok", f"queries may be run in {given.location}")
    yield _datasets(client, settings)


def _dry_run(client: Client) -> Noticed | None:
    """Why not even a query that is only estimated, which is free, may be asked."""
    from google.cloud.bigquery import QueryJobConfig

    try:
        # One try: a person is waiting, and what is unwell now is what is asked for.
        client.query(
            "SELECT 1",
            job_config=QueryJobConfig(dry_run=True),
            retry=None,
            job_retry=None,
            timeout=_PATIENCE_SECONDS,
        )
    except Exception as error:  # whatever it is, it is what keeps BigQuery from being asked
        return _explained("BigQuery permission", error, client.project)
    return None


def _datasets(client: Client, settings: Settings) -> Noticed:
    from google.api_core.exceptions import NotFound

    from market_assets.warehouse.bigquery.names import SCHEMAS, Names

    check, given = "BigQuery datasets", settings.bigquery
    names = Names(client.project, given.dataset_prefix)
    found: dict[str, str] = {}
    for schema in SCHEMAS:
        name = names.dataset(schema)
        try:
            dataset: Any = client.get_dataset(
                f"{client.project}.{name}", retry=None, timeout=_PATIENCE_SECONDS
            )
        except NotFound:
            continue
        except Exception as error:
            return _explained(check, error, client.project)
        found[name] = str(dataset.location)
    elsewhere = {n: at for n, at in found.items() if at.lower() != given.location.lower()}
    if elsewhere:
        named = ", ".join(f"{name} is in {at}" for name, at in elsewhere.items())
        return Noticed(
            check,
            "fail",
            f"{named}, and bigquery.location says {given.location}: jobs find only what is there",
            "set bigquery.location to where they are, or another bigquery.dataset_prefix",
        )
    if not found:
        return Noticed(check, "ok", f"none yet: the first ingest makes them in {given.location}")
    return Noticed(check, "ok", f"{', '.join(found)} in {given.location}")


def _explained(check: str, error: Exception, project: str) -> Noticed:
    from market_assets.warehouse.bigquery import faults

    told = faults.explained(error, check, project)
    if told is not None:
        return Noticed(check, "fail", told.problem, told.action)
    return Noticed(
        check, "fail", faults.said(error), "see docs/bigquery.md for what its account needs"
    )
