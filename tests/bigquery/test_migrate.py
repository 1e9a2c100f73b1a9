"""An embedded warehouse on BigQuery and back again: the same rows, to the microsecond."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from emulator_support import EmulatedBigQuery

from market_assets.cli.migrate import copy
from market_assets.errors import EXIT_WAREHOUSE, RequestInvalid
from market_assets.schemas.datasets import OHLCV, Dataset
from market_assets.schemas.requests import RequestRecord
from market_assets.schemas.timeline import HOUR_MS, Window, to_ms
from market_assets.settings import Settings, load_settings
from market_assets.warehouse.checksum import checksum
from market_assets.warehouse.contract import Batch, Gap, QuarantinedRow, SeriesOutcome
from market_assets.warehouse.ducklake import DuckLakeWarehouse
from market_assets.warehouse.migrating import Migration
from market_assets.warehouse.migration_memory import Memory
from market_assets.warehouse.opening import open_warehouse, with_engine

pytestmark = pytest.mark.xdist_group("bigquery")

CANDLES = "raw.binance_ohlcv"
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
START = TODAY.replace(day=1) - timedelta(hours=12)  # the last hours of a month


def at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


def candles(hours: Sequence[int], *, close: float = 100.1, run_id: str = "run-1") -> Batch:
    rows = [
        {
            "timestamp": at(hour),
            "symbol": "BTCUSDT",
            "venue": "binance",
            "interval": "1h",
            "open": 0.1 + 0.2,
            "high": 1e-9,
            "low": 5e300,
            "close": close + hour / 3,
            "volume": 123456789.123456789,
            "quote_volume": 1.0,
            "num_trades": 2**53 + 1,
            "taker_buy_volume": 0.0,
            "taker_buy_quote_volume": None,
            "ingestion_time": at(0),
            "source": "sim",
            "is_backfill": hour % 2 == 0,
            "run_id": run_id,
        }
        for hour in hours
    ]
    span = Window(to_ms(at(min(hours))), to_ms(at(max(hours))) + HOUR_MS)
    hole = Window(span.end, span.end + HOUR_MS)
    asked = RequestRecord(
        at(1), "binance", "/fapi/v1/klines", "BTCUSDT", 200, "ok", 12.125, 2, 1, 1234, run_id
    )
    return batch(
        OHLCV,
        rows,
        run_id,
        interval="1h",
        series=[
            SeriesOutcome(
                "BTCUSDT",
                Window(span.start, hole.end),
                (span,),
                (Gap(hole, "missing", {"said": "it's 'quoted' \\ and\nbroken — ✓"}),),
            )
        ],
        quarantined=[QuarantinedRow("BTCUSDT", at(3), ("low_above_high",), '{"raw": "x\\ty"}')],
        requests=[asked],
    )


def batch(dataset: Dataset, rows: list[dict[str, object]], run_id: str, **more: object) -> Batch:
    table = pa.Table.from_pylist(rows, schema=dataset.arrow_schema())
    given = {"interval": "", **more}
    return Batch("binance", dataset, run_id=run_id, rows=table, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("embedded") / "warehouse"
    with DuckLakeWarehouse(path, venues=["binance"]) as store:
        store.commit(candles(range(24)))
        store.commit(candles([5], close=7.0, run_id="run-2"))
    return path


@pytest.fixture
def settings(bigquery: EmulatedBigQuery, filled: Path, tmp_path: Path) -> Settings:
    shutil.copytree(filled, tmp_path / "warehouse")
    file = tmp_path / "platform.yaml"
    file.write_text(
        f"""
state_dir: {tmp_path / "state"}
warehouse: {{path: {tmp_path / "warehouse"}}}
bigquery: {{api_endpoint: "{bigquery.api_endpoint}", project: {bigquery.project},
  dataset_prefix: {bigquery.prefix}}}
"""
    )
    return load_settings(file, environ={})


def migrated(
    settings: Settings, there: Settings, *only: str, replace: bool = False
) -> Counter[str]:
    with open_warehouse(settings, venues=["binance"]) as source, open_warehouse(
        there, venues=["binance"]
    ) as target:  # fmt: skip
        memory = Memory(settings.state_dir, str(settings.warehouse), str(there.warehouse))
        return Counter(o.fate for o in Migration(source, target, memory, only, replace).run())


def test_there_and_back_again_every_table_is_what_it_was(
    settings: Settings, tmp_path: Path
) -> None:
    on_bigquery = with_engine(settings, "bigquery")
    back = settings.model_copy(
        update={"warehouse": settings.warehouse.model_copy(update={"path": tmp_path / "back"})}
    )
    assert set(migrated(settings, on_bigquery)) == {"copied"}
    assert set(migrated(on_bigquery, back)) == {"copied"}
    stores = [open_warehouse(one, read_only=True) for one in (settings, on_bigquery, back)]
    always = Window(0, to_ms(TODAY + timedelta(days=60)))
    with stores[0] as here, stores[1] as there, stores[2] as again:
        compared = 0
        for table in Migration(here, there, Memory(tmp_path, "", "")).tables():
            sums = [checksum(one.parts().read(table, always)) for one in (here, there, again)]
            assert sums[0] == sums[1] == sums[2], table.name
            compared += sums[0].rows
        assert compared > 24
        [correction] = there.ask("SELECT revised_at FROM ops.revisions").to_pylist()
        moment = correction["revised_at"].replace(tzinfo=UTC) - timedelta(microseconds=1)
        past = [one.read_as_of("binance", OHLCV, moment) for one in (here, there, again)]
        assert past[0].equals(past[1])
        assert past[0].equals(past[2])
        assert not past[1].equals(there.read("binance", OHLCV))


def test_a_killed_migration_goes_on_where_it_was_and_a_changed_row_is_found(
    settings: Settings, bigquery: EmulatedBigQuery, capsys: pytest.CaptureFixture[str]
) -> None:
    said = ["--config", str(settings.file), "--table", CANDLES, "--table", "ops.revisions"]
    run = "from market_assets.cli import main; main()"
    command = [sys.executable, "-c", run, "migrate", "--to", "bigquery", *said]
    dry = subprocess.run(
        [*command, "--dry-run"], capture_output=True, text=True, env=environment(), check=True
    )
    assert "to copy" in dry.stdout
    client = bigquery.client()
    made = [dataset.dataset_id for dataset in client.list_datasets()]
    client.close()
    assert f"{bigquery.prefix}raw" not in made

    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stderr is not None
        assert f"{CANDLES} {at(0):%Y-%m}: 12 rows" in process.stderr.readline()
        process.kill()
    assert process.returncode == -signal.SIGKILL
    again = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )
    with again, open_warehouse(settings) as here:
        assert again.stderr is not None
        assert f"{CANDLES} {at(20):%Y-%m}: 12 rows" in again.stderr.readline()
        again.send_signal(signal.SIGSTOP)
        here.commit(candles([23], close=8.0, run_id="run-3"))
        again.send_signal(signal.SIGCONT)
        told, problems = again.communicate()
    fates = [line.split("│")[-2].strip() for line in told.splitlines() if "│" in line]
    assert (len(fates), fates[0], fates[-1]) == (3, "already there", "copied"), told
    # What was written meanwhile may be missing there: that is no success.
    assert again.returncode == EXIT_WAREHOUSE, told
    assert "written to meanwhile" in problems
    copy(settings, "bigquery", only=[CANDLES, "ops.revisions"])
    told = capsys.readouterr().out
    assert "26 rows in the source" in told
    assert "The marts are not copied" in told

    there = with_engine(settings, "bigquery")
    with open_warehouse(settings) as here, open_warehouse(there) as copied:
        assert copied.read("binance", OHLCV).equals(here.read("binance", OHLCV))
    bigquery.rows(
        f"UPDATE {bigquery.prefix}raw.binance_ohlcv SET volume = volume * 2"
        f" WHERE timestamp = TIMESTAMP '{at(20):%Y-%m-%d %H:%M:%S}+00'"
    )
    with pytest.raises(RequestInvalid, match=f"other data.*{CANDLES} {at(20):%Y-%m}: 12 rows"):
        copy(settings, "bigquery", only=[CANDLES])
    copy(settings, "bigquery", only=[CANDLES], replace=True)
    assert "12 of them copied now" in capsys.readouterr().out


def environment() -> dict[str, str]:
    """Nothing of ours steers the command but its settings file."""
    return {name: value for name, value in os.environ.items() if "MARKET_ASSETS" not in name}
