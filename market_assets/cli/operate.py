"""`market-assets doctor | simulate | maintain | backup | restore`: running an installation."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from market_assets.cli import options
from market_assets.errors import RequestInvalid


@click.command()
@options.config
def doctor(config: Path | None) -> None:
    """Check settings, Python, disk, ports and the venues; say what to do about each problem."""
    from rich.console import Console
    from rich.table import Table

    from market_assets.doctor import diagnose

    findings = diagnose(options.load(config))
    table = Table("Check", "", "Found", "What to do")
    colours = {"ok": "green", "warn": "yellow", "fail": "red"}
    for finding in findings:
        mark = f"[{colours[finding.status]}]{finding.status}[/]"
        table.add_row(finding.check, mark, finding.detail, finding.action)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    if any(finding.status == "fail" for finding in findings):
        sys.exit(2)


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port on 127.0.0.1 (default: settings)."
)
@click.option("--seed", type=int, help="Another seed is another market.")
@click.option("--latency-ms", type=click.FloatRange(min=0), help="Delay of every answer.")
@click.option(
    "--faults",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON file of simulator settings: faults, clock, limits, listings (docs/simulator.md).",
)
@options.config
def simulate(
    port: int | None,
    seed: int | None,
    latency_ms: float | None,
    faults: Path | None,
    config: Path | None,
) -> None:
    """Run the exchanges on this machine: seeded, deterministic, with faults on demand."""
    from market_assets.simulator.config import SimulatorConfig
    from market_assets.simulator.server import serve

    settings = options.load(config).simulator
    asked = {
        "port": settings.port if port is None else port,
        "seed": settings.seed if seed is None else seed,
        "latency_ms": settings.latency_ms if latency_ms is None else latency_ms,
    }
    serve(SimulatorConfig.from_mapping((_json_of(faults) if faults else {}) | asked))


def _json_of(file: Path) -> dict[str, object]:
    doing = f"Reading {file}"
    action = 'Write one object, as in {"faults": {"http_429": 0.06}}; docs/simulator.md has more'
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:  # no JSON, or no text at all
        raise RequestInvalid(doing, f"it is no JSON: {error}", action) from error
    if not isinstance(found, dict):
        raise RequestInvalid(doing, "it holds no object", action)
    return found


@click.command()
@options.config
def maintain(config: Path | None) -> None:
    """Compact the warehouse's files and expire rows past retention."""
    settings = options.load(config)
    with options.existing_warehouse(settings) as store:
        needs_compaction = store.capabilities.needs_compaction
        done = store.maintain(
            retention_days=settings.warehouse.retention_days,
            snapshot_days=settings.warehouse.snapshot_days,
        )
    if not needs_compaction:
        click.echo("Nothing to compact: BigQuery keeps its files and expires partitions by itself.")
        return
    click.echo(
        f"{done.files_before} -> {done.files_after} files,"
        f" {done.bytes_before / 1e6:.1f} -> {done.bytes_after / 1e6:.1f} MB,"
        f" {done.rows_expired} rows expired"
    )


@click.command()
@click.argument("target", type=click.Path(file_okay=False, path_type=Path))
@options.config
def backup(target: Path, config: Path | None) -> None:
    """Copy the warehouse, and Dagster's own storage, to a new folder, with checksums.

    On BigQuery the copy is a snapshot of each table there, and the folder has its name.
    """
    from market_assets.stack.run_records import back_up_run_records
    from market_assets.warehouse.copying import back_up

    settings = options.load(config)
    # At a mistyped path the backup of a new, empty warehouse would look like one of the data.
    options.warehouse(settings, read_only=True).close()
    click.echo(f"Warehouse: {back_up(settings, target / 'warehouse').in_words}")
    copied = back_up_run_records(settings, settings.state_dir / "dagster", target / "dagster")
    click.echo(f"Dagster: {copied}")


@click.command()
@click.argument("source", type=click.Path(file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace the data that is there.")
@options.config
def restore(source: Path, force: bool, config: Path | None) -> None:
    """Bring a backup back, after checking every file of it. Stop `make up` before.

    SOURCE is its folder. Without it, on BigQuery, the name of the snapshots: 20261121T033500123Z,
    or acme-market-data.market_backups.20261121T033500123Z from another dataset.
    """
    # Not through an open warehouse: the one to be replaced may be past opening.
    from market_assets.stack.run_records import restore_run_records
    from market_assets.warehouse.copying import restore as restore_warehouse

    settings = options.load(config)
    is_name = settings.warehouse.engine == "bigquery" and not source.exists()
    if not is_name and not any((source / part).exists() for part in ("warehouse", "dagster")):
        raise RequestInvalid(
            f"Restoring from {source}",
            "it is no backup: it has neither a folder warehouse nor a folder dagster",
            "Give the folder that `market-assets backup` or the job back_up wrote.",
        )
    # A backup that an older version took of BigQuery has run records only.
    folder = source / "warehouse"
    if is_name or settings.warehouse.engine == "ducklake" or folder.exists():
        copied = restore_warehouse(settings, source if is_name else folder, force=force)
        click.echo(f"Warehouse: {copied.in_words}")
    if (source / "dagster").exists():
        home = settings.state_dir / "dagster"
        restored = restore_run_records(settings, source / "dagster", home, force=force)
        click.echo(f"Dagster: {restored}")
