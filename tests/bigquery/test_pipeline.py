"""The platform on BigQuery end to end: exchanges over HTTP, its own commands, Google's clients.

One installation for the whole file: what is fetched first is what the later tests look at.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
from emulator_support import EmulatedBigQuery, RunningEmulator
from lab_support import CALM, Lab, merged, ms, settings_for, window

from market_assets.marts.project import Project
from market_assets.settings import Secrets, Settings
from market_assets.simulator.process import RunningSimulator
from market_assets.warehouse.opening import open_warehouse
from market_assets.watch.looking import Watch
from market_assets.watch.memory import Memory, write_memory

sys.path.insert(0, str(Path(__file__).parents[1] / "defs"))
from platform_support import Platform, check_results, failing

pytestmark = [pytest.mark.xdist_group("bigquery_marts"), pytest.mark.slow]

SYMBOLS = ("BTCUSDT", "NEWUSDT")
FETCHED = window("2026-03-08", "2026-03-10")
COMMAND = [sys.executable, "-c", "from market_assets.cli import main; main()"]
ONE_VENUE: Mapping[str, Any] = {
    "venues": {
        "binance": {"symbols": list(SYMBOLS), "start": "2026-02-01"},
        "okx": {"enabled": False},
        "aster": {"enabled": False},
    }
}


@dataclass
class Installation:
    exchange: RunningSimulator
    place: EmulatedBigQuery
    folder: Path

    @property
    def given(self) -> dict[str, Any]:
        bigquery = {
            "project": self.place.project,
            "api_endpoint": self.place.api_endpoint,
            "dataset_prefix": self.place.prefix,
        }
        engine = {"warehouse": {"engine": "bigquery"}, "bigquery": bigquery}
        return merged(merged(settings_for(self.exchange), ONE_VENUE), engine)

    @property
    def settings(self) -> Settings:
        return Settings.model_validate(self.given, context={"root": self.folder})

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        """`market-assets ...` in a process of its own, as it is configured by a file."""
        import yaml

        config = self.folder / "platform.yaml"
        config.write_text(yaml.safe_dump(self.given))
        return subprocess.Popen(
            [*COMMAND, *arguments, "--config", str(config)],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ran(self, *arguments: str) -> str:
        process = self.command(*arguments)
        said, _ = process.communicate(timeout=240)
        assert process.returncode == 0, said
        return said

    def ingest(self, start: str, end: str) -> tuple[str, ...]:
        return (
            "ingest", "--venue", "binance", "--symbols", ",".join(SYMBOLS), "--from", start,
            "--to", end,
        )  # fmt: skip

    def closes(self, table: str = "binance_ohlcv", where: str = "TRUE") -> list[tuple[Any, ...]]:
        name = f"{self.place.prefix}raw.{table}"
        return self.place.rows(
            f"SELECT symbol, UNIX_MILLIS(timestamp) AS ms, close FROM {name}"
            f" WHERE {where} ORDER BY symbol, ms"
        )

    def truth(self, start: int, end: int) -> list[tuple[Any, ...]]:
        return [
            (symbol, row["timestamp"], row["close"])
            for symbol in SYMBOLS
            for row in self.exchange.truth(
                "binance/ohlcv", symbol=symbol, interval="1h", start=start, end=end
            )
        ]


@pytest.fixture(scope="module")
def installation(
    running_exchange: RunningSimulator,
    bigquery_emulator: RunningEmulator,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    running_exchange.control(clock=None, limits=None, faults=None, latency_ms=0)
    running_exchange.control(**CALM, reset_stats=True)
    place = bigquery_emulator.place("pipeline")
    made = Installation(running_exchange, place, tmp_path_factory.mktemp("pipeline"))
    said = made.ran(*made.ingest("2026-03-08", "2026-03-10"))
    assert "96 rows stored" in said
    yield made
    running_exchange.control(**CALM, latency_ms=0)


def test_what_the_command_stored_is_what_the_exchange_traded(installation: Installation) -> None:
    assert installation.closes() == installation.truth(FETCHED.start, FETCHED.end)


def test_every_table_reads_back_as_it_was_declared(installation: Installation) -> None:
    from market_assets.warehouse.bigquery.ddl import form_of
    from market_assets.warehouse.ddl import raw_table, venue_datasets
    from market_assets.warehouse.tables import COMMON_TABLES

    settings, client = installation.settings, installation.place.client()
    declared = [raw_table("binance", dataset) for dataset in venue_datasets()] + [*COMMON_TABLES]
    for table in declared:
        form = form_of(table, settings)
        there = client.get_table(f"{installation.place.prefix}{table.schema}.{table.name}")
        assert [(f.name, f.mode == "NULLABLE", f.description) for f in there.schema] == [
            (column.name, column.nullable, column.description) for column in form.columns
        ], table.name
        assert there.description == form.description
        assert tuple(there.clustering_fields or ()) == form.clustered_by
        assert form.labels.items() <= there.labels.items()
        partitions = there.time_partitioning
        assert (partitions.field if partitions else None) == form.partitioned_by
        if partitions:
            assert (partitions.type_, partitions.expiration_ms) == (
                form.granularity,
                form.expiration_ms,
            )
            assert bool(there.require_partition_filter) == form.filter_required
    client.close()


def test_dagster_materialises_an_hour_and_its_checks_judge_what_bigquery_has(
    installation: Installation, tmp_path: Path
) -> None:
    project = Project(installation.settings)
    project.prepare()
    with (
        dg.DagsterInstance.ephemeral() as instance,
        open_warehouse(installation.settings, read_only=True) as store,
    ):
        lab = Lab(installation.exchange, store, installation.folder, installation.given)
        platform = Platform(lab, instance)
        result = platform.run("binance_ohlcv", "2026-03-10-08:00")
        assert result.success
        assert platform.materialised("binance_ohlcv") == ["2026-03-10-08:00"]
        judged = check_results(result)
        assert judged
        assert failing(result) == set()
    hour = ms("2026-03-10T08:00")
    assert installation.closes(where="timestamp >= '2026-03-10T08:00:00Z'") == (
        installation.truth(hour, hour + 3_600_000)
    )


def test_the_marts_are_built_from_it(installation: Installation) -> None:
    said = installation.ran(
        "build", "--select", "+daily_ohlcv", "--from", "2026-03-08", "--to", "2026-03-09"
    )
    assert "daily_ohlcv" in said
    rows = installation.place.rows(
        f"SELECT symbol, date, close FROM {installation.place.prefix}marts.daily_ohlcv"
        " WHERE date BETWEEN '2026-03-08' AND '2026-03-09' ORDER BY symbol, date"
    )
    last = {(symbol, ms_ // 86_400_000): close for symbol, ms_, close in installation.closes()}
    assert len(rows) == 4
    for symbol, day, close in rows:
        since_epoch = (day - datetime(1970, 1, 1).date()).days
        assert close == last[symbol, since_epoch]


def test_a_look_of_the_watch_sees_the_data_and_the_budget(installation: Installation) -> None:
    """What jobs say they billed is what the day's budget is held against."""
    given = merged(installation.given, {"thresholds": {"daily_cost_usd": 0.0001}})
    settings = Settings.model_validate(given, context={"root": installation.folder})
    now = datetime.now(UTC)
    write_memory(settings.state_dir, Memory(now - timedelta(days=1)))
    watch = Watch(settings, Secrets({}))
    looked = watch.look(now)
    watch.close()
    failed = {verdict.rule for verdict in looked.verdicts if verdict.state == "failing"}
    # The lab's data end in March.
    assert "freshness" in failed
    assert {rule for rule in failed if "cost" in rule or "budget" in rule}
    spent = installation.place.rows(
        f"SELECT SUM(bytes_billed), LOGICAL_AND(is_estimate)"
        f" FROM {installation.place.prefix}ops.query_costs WHERE issued_at >= '2026-01-01'"
    )
    assert spent[0][0] >= 10 * 2**20
    assert spent[0][1] is True


def test_a_run_killed_while_it_loads_leaves_what_was_there_and_the_next_one_goes_on(
    installation: Installation,
) -> None:
    before = installation.closes()
    loads = _loads(installation)
    process = installation.command(*installation.ingest("2026-02-05", "2026-03-08"))
    deadline = time.monotonic() + 120
    while _loads(installation) <= loads and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    # A load job has begun: its rows wait in a table of their own for the transaction.
    for child in [*psutil.Process(process.pid).children(recursive=True), process]:
        child.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL

    whole = installation.truth(ms("2026-02-05"), ms("2026-03-08"))
    kept = installation.closes()
    assert len(kept) == len(set(kept))
    assert set(before) <= set(kept) <= {*before, *whole}
    said = installation.ran(*installation.ingest("2026-02-05", "2026-03-10"))
    assert "96 points complete before" in said
    assert installation.closes() == sorted({*before, *whole})


def _loads(installation: Installation) -> int:
    client = installation.place.client()
    try:
        return sum(1 for job in client.list_jobs() if job.job_type == "load")
    finally:
        client.close()
