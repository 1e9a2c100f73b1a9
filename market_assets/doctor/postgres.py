"""Whether Dagster's Postgres can be used: reached, let in, allowed to make tables, backed up."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from market_assets.doctor import Finding
from market_assets.errors import SettingsInvalid
from market_assets.settings.orchestration import PASSWORD_SECRET
from market_assets.settings.secrets import variable_for

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from market_assets.settings import Secrets, Settings
    from market_assets.settings.orchestration import PostgresSettings

CHECK = "Dagster's Postgres"
# A person waits for the answer.
_PATIENCE_SECONDS = 10
# The oldest that its makers still mend: https://www.postgresql.org/support/versioning (2026-11)
OLDEST_MAJOR = 14
# What libpq and the server say, in the words of every version so far; the server may be told to
# speak another language, and then its own words have to do.
_REFUSALS = (
    (
        re.compile(r"password authentication failed|no password supplied"),
        f"set {variable_for((PASSWORD_SECRET,))} to the password of dagster.postgres.user",
    ),
    (
        re.compile(r'database "[^"]*" does not exist'),
        "make it (createdb --owner=<dagster.postgres.user>), or set dagster.postgres.database",
    ),
    (re.compile(r'role "[^"]*" does not exist'), "make it, or set dagster.postgres.user"),
    (
        re.compile(r"no pg_hba\.conf entry"),
        "let this host in: pg_hba.conf of the server",
    ),
    (re.compile(r"\bSSL\b|certificate"), "set dagster.postgres.sslmode to what the server offers"),
    (
        re.compile(r"too many (clients|connections)|remaining connection slots"),
        "see max_connections",
    ),
)


def postgres_findings(settings: Settings, secrets: Secrets) -> Iterator[Finding]:
    """What Dagster would meet when it starts; nothing is made or changed."""
    given = settings.dagster.postgres
    try:
        password = secrets.require(PASSWORD_SECRET, doing="Looking at Dagster's Postgres")
    except SettingsInvalid as error:
        yield Finding(CHECK, "fail", error.problem, error.action)
        return
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with _connected(given, password) as connection:
            version, may_create = _looked(connection)
    except SQLAlchemyError as error:
        yield _refused(given, error)
        return
    yield _server(given, version, may_create=may_create)
    yield _backup_program(version)


def _connected(given: PostgresSettings, password: str) -> Connection:
    """The way Dagster connects (stack/dagster_home.py): the same driver and options."""
    from sqlalchemy import URL, create_engine
    from sqlalchemy.pool import NullPool

    address = URL.create(
        "postgresql+psycopg2", given.user, password, given.host, given.port, given.database
    )
    options = {"sslmode": given.sslmode, "connect_timeout": _PATIENCE_SECONDS}
    return create_engine(address, poolclass=NullPool, connect_args=options).connect()


def _looked(connection: Connection) -> tuple[int, bool]:
    from sqlalchemy import text

    asked = text(
        "SELECT current_setting('server_version_num')::int,"
        " has_schema_privilege(current_schema(), 'CREATE')"
    )
    found: Any = connection.execute(asked).one()
    # Without a schema to make tables in, the second answer is null.
    return int(found[0]), bool(found[1])


def _refused(given: PostgresSettings, error: Any) -> Finding:
    """The server's own words, which name users and databases and no passwords."""
    said = " ".join(str(getattr(error, "orig", None) or type(error).__name__).split())
    said = said.removeprefix(f'connection to server at "{given.host}", ')
    unreachable = f"is it running, and are dagster.postgres.host ({given.host}) and port its own?"
    action = next((action for words, action in _REFUSALS if words.search(said)), unreachable)
    place = f"{given.user}@{given.host}:{given.port}/{given.database}"
    return Finding(CHECK, "fail", f"{place}: {said}", action)


def _server(given: PostgresSettings, version: int, *, may_create: bool) -> Finding:
    major = version // 10_000
    detail = f"{given.host}:{given.port}, PostgreSQL {major}.{version % 10_000}"
    if not may_create:
        action = f'GRANT CREATE ON SCHEMA public TO "{given.user}", or make it the owner'
        return Finding(CHECK, "fail", f"{detail}: {given.user} may not make tables", action)
    if major < OLDEST_MAJOR:
        detail += ", which gets no corrections any more"
        return Finding(CHECK, "warn", detail, f"move to PostgreSQL {OLDEST_MAJOR} or newer")
    return Finding(CHECK, "ok", detail)


def _backup_program(version: int) -> Finding:
    """pg_dump refuses a server that is newer than itself, and a backup would find out at night."""
    check, major = "pg_dump, for backups", version // 10_000
    install = f"install the client programs of PostgreSQL {major} (Debian: postgresql-client)"
    program = shutil.which("pg_dump")
    if program is None:
        return Finding(check, "warn", "not on PATH: `backup` cannot copy run records", install)
    asked = [program, "--version"]
    said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    found = re.search(r"(\d+)\.?\d*", said)
    if found is None or int(found[1]) < major:
        return Finding(check, "warn", f"{said or program} is older than the server", install)
    return Finding(check, "ok", said)
