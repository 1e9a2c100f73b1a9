"""The official client: Application Default Credentials, or none at all for an emulator."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from market_assets.settings.bigquery import is_on_this_machine
from market_assets.warehouse.bigquery import faults

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.cloud.bigquery import Client

    from market_assets.settings import BigQuerySettings

_LONGEST_PATIENCE_SECONDS = 60.0


def is_emulator(settings: BigQuerySettings) -> bool:
    """Whether the endpoint is on this machine: nothing there asks for credentials."""
    return is_on_this_machine(settings.api_endpoint)


def connect(settings: BigQuerySettings) -> Client:
    """A client of the settings' project; credentials are found the usual Google ways."""
    from google.auth.credentials import AnonymousCredentials
    from google.auth.exceptions import GoogleAuthError
    from google.cloud import bigquery

    project = settings.project
    credentials: AnonymousCredentials | None = None
    if is_emulator(settings):
        credentials, project = AnonymousCredentials(), project or "emulated-project"
    options = {"api_endpoint": settings.api_endpoint} if settings.api_endpoint else None
    try:
        return bigquery.Client(
            project=project,
            credentials=credentials,
            location=settings.location,
            client_options=options,
        )
    except (GoogleAuthError, OSError) as error:
        # Only the kind of error: its words may quote a credentials file.
        raise faults.no_credentials(error) from error


def patience(settings: BigQuerySettings) -> Retry:
    """How long questions about metadata are asked again: the client's own ten minutes hide that
    BigQuery cannot be reached at all."""
    from google.cloud.bigquery.retry import DEFAULT_RETRY

    return DEFAULT_RETRY.with_timeout(min(_LONGEST_PATIENCE_SECONDS, settings.retry_seconds))


class Link:
    """One client of one process, made when it is first needed; threads share it."""

    def __init__(self, settings: BigQuerySettings) -> None:
        self._settings = settings
        self._client: Client | None = None
        self._pid = os.getpid()
        self._connecting = threading.Lock()

    def connected(self) -> Client:
        with self._connecting:
            if self._client is None or os.getpid() != self._pid:
                self._client, self._pid = connect(self._settings), os.getpid()
            return self._client

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
