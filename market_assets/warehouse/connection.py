"""Connections to the lake: extensions from wheels, the settings that make it safe, the attach."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from market_assets.warehouse.layout import Layout
from market_assets.warehouse.sql import LAKE, literal
from market_assets.warehouse.threads import take_one_if_small

if TYPE_CHECKING:
    import duckdb

_EXTENSIONS = ("sqlite_scanner", "ducklake")

# Commits, and opening the lake, are one thread's work: a second one spins meanwhile (115 ms of CPU
# to open instead of 72, a fifth of an ingest run; duckdb 1.5.5, 2026-11-21) and cuts a partition
# into more files. Other people's SQL may be about years: of a large lake it gets two.
_THREADS = 1
_THREADS_OF_OTHERS = 2


def connect(
    layout: Layout, *, catalog: Path | None = None, create: bool = False, read_only: bool = False
) -> duckdb.DuckDBPyConnection:
    """A DuckDB instance with the lake attached as `lake` and in use.

    `create` makes an empty catalog. Without it a missing or foreign catalog is an error, never
    filled with tables of ours.
    """
    connection = _instance()
    try:
        attach_lake(
            connection,
            catalog or layout.catalog,
            layout.data,
            create=create,
            read_only=read_only,
        )
    except BaseException:
        connection.close()
        raise
    return connection


def connect_sandboxed(layout: Layout) -> duckdb.DuckDBPyConnection:
    """A read-only instance for other people's SQL: it reaches no file outside the warehouse."""
    connection = connect(layout, read_only=True)
    connection.execute(f"SET threads = {_THREADS_OF_OTHERS}")
    take_one_if_small(connection)
    connection.execute(f"SET allowed_directories = [{literal(_folder(layout.root))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def attach_lake(
    connection: duckdb.DuckDBPyConnection,
    catalog: Path,
    data: Path,
    *,
    create: bool = False,
    read_only: bool = False,
) -> None:
    options = [
        f"DATA_PATH {literal(_folder(data))}",
        # The catalog remembers the folder it was made in; a moved or mounted one is as good.
        "OVERRIDE_DATA_PATH true",
        f"CREATE_IF_NOT_EXISTS {'true' if create else 'false'}",
        "META_BUSY_TIMEOUT 10000",
        # Inlined rows made backfills slower, took more space, and were lost under deletes (#1215).
        "DATA_INLINING_ROW_LIMIT 0",
    ]
    if create:
        # Readers beside a writer. The file remembers it; asked for again, it would be written into
        # files that turn out not to be ours.
        options.append("META_JOURNAL_MODE 'WAL'")
    if read_only:
        options.append("READ_ONLY")
    source = literal(f"ducklake:sqlite:{catalog}")
    connection.execute(f"ATTACH {source} AS {LAKE} ({', '.join(options)})")
    connection.execute(f"USE {LAKE}")


def _instance() -> duckdb.DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            # Nothing is downloaded at run time.
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            # The wheels' hashes were checked when they were installed, and who can replace a file
            # there can replace this one. DuckDB's own check of both files takes 0.5 s of CPU for
            # each new instance, of 0.6 that opening a warehouse takes (duckdb 1.5.5, 2026-11-21).
            "allow_unsigned_extensions": "true",
            "threads": str(_THREADS),
        },
    )
    prepare(connection)
    return connection


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Load the extensions and set what makes a lake on a SQLite catalog safe."""
    for name in _EXTENSIONS:
        connection.execute(f"LOAD {literal(str(extension_file(name)))}")
    # Parallel scans of the catalog see different states: readers would see half a commit.
    connection.execute("SET GLOBAL sqlite_disable_multithreaded_scans = true")
    connection.execute("SET GLOBAL ducklake_max_retry_count = 40")
    connection.execute("SET GLOBAL ducklake_retry_wait_ms = 50")
    # The default factor of 1.5 would have the fortieth wait last for days.
    connection.execute("SET GLOBAL ducklake_retry_backoff = 1.1")
    connection.execute("SET GLOBAL TimeZone = 'UTC'")


def extension_file(name: str) -> Path:
    """The extension's binary inside its wheel.

    Loaded from there. `duckdb_extensions.import_extension` would first copy it into the home
    directory, which may be read-only or shared by processes that start at once.
    """
    import importlib.resources

    import duckdb

    package = importlib.resources.files(f"duckdb_extension_{name}")
    version = f"v{duckdb.__version__}"
    return Path(str(package)) / "extensions" / version / f"{name}.duckdb_extension"


def _folder(path: Path) -> str:
    return f"{path}/"
