"""Run commands, and read all that they print and write: to look for what may not be in it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from market_assets.stack.layout import CHECKOUT
from market_assets.warehouse.ducklake import DuckLakeWarehouse
from market_assets.warehouse.sql import identifier

COMMAND = (sys.executable, "-c", "from market_assets.cli import main; main()")
_LOOK_SECONDS = 0.05
_INFLATED_FROM = 64


@dataclass
class Places:
    """Where text was seen: `place -> text`, searched for every canary at the end."""

    seen: dict[str, bytes] = field(default_factory=dict)

    def add(self, place: str, text: bytes | str) -> None:
        self.seen[place] = text.encode() if isinstance(text, str) else text

    def holding(self, word: str) -> list[str]:
        return [place for place, text in self.seen.items() if word.encode() in text]


def run(
    places: Places, name: str, command: Sequence[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[bytes]:
    """Run it to its end; what it printed, and the arguments of every process that it started."""
    arguments: set[str] = set()
    with subprocess.Popen(
        list(command),
        cwd=CHECKOUT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        ended = threading.Event()
        watcher = threading.Thread(target=_watch, args=(process.pid, arguments, ended))
        watcher.start()
        out, err = process.communicate()
        ended.set()
        watcher.join()
    places.add(f"{name}: what it printed", out + err)
    places.add(f"{name}: process arguments", "\n".join(sorted(arguments)))
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _watch(pid: int, arguments: set[str], ended: threading.Event) -> None:
    while True:
        try:
            whole = psutil.Process(pid)
            for process in (whole, *whole.children(recursive=True)):
                arguments.add(" ".join(process.cmdline()))
        except psutil.Error:
            pass
        if ended.wait(_LOOK_SECONDS):
            return


def read_files(places: Places, folder: Path) -> None:
    """Every file as it is, the rows of every SQLite database, and the rows of the lake."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink():
            content = file.read_bytes()
            places.add(f"file {file.relative_to(folder)}", content)
            if content.startswith(b"SQLite format 3"):
                places.add(f"rows of {file.relative_to(folder)}", b"\n".join(_rows(file)))


def read_tables(places: Places, warehouse: Path) -> None:
    with DuckLakeWarehouse(warehouse, read_only=True) as store:
        for table, size in store.table_sizes().items():
            if size.rows:
                schema, name = table.split(".")
                rows = store.ask(f"SELECT * FROM {schema}.{identifier(name)}").to_pylist()
                places.add(f"table {table}", json.dumps(rows, default=str))


def _rows(file: Path) -> Iterator[bytes]:
    """Dagster keeps snapshots of its definitions compressed."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        database.text_factory = bytes
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for row in database.execute(f'SELECT * FROM "{table.decode()}"'):
                yield from (_inflated(value) for value in row if isinstance(value, bytes))


def _inflated(value: bytes) -> bytes:
    if len(value) < _INFLATED_FROM:
        return value
    try:
        return zlib.decompress(value)
    except zlib.error:
        return value


def plain_environment() -> dict[str, str]:
    """What a person's shell has, without anything of ours."""
    return {
        name: value
        for name, value in os.environ.items()
        # Without bytecode each process would compile Dagster or dbt again.
        if not name.startswith(("MARKET_ASSETS_", "DAGSTER", "DBT_", "PYTHONDONTWRITE"))
    } | {"PYTHONPATH": str(CHECKOUT)}
