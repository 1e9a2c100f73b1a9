"""What a person sees while the stack starts, and once it is up; plain lines outside a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from market_assets.stack.dagster_api import AssetKey
from market_assets.stack.layout import Layout

if TYPE_CHECKING:
    import pyarrow as pa

# Where the UI of Dagster 1.13 lists them.
BACKFILLS = "/runs?view=backfills"
_PLAIN_WIDTH = 160
_STEP_PERCENT = 10
Show = Callable[[Mapping[AssetKey, int]], None]


def console() -> Console:
    found = Console()
    # In a pipe there is no width to fit into: lines are not cut.
    return found if found.is_terminal else Console(width=_PLAIN_WIDTH, soft_wrap=True)


@contextmanager
def progress(out: Console, wanted: Mapping[AssetKey, Sequence[str]]) -> Iterator[Show]:
    """A bar for each asset in a terminal; elsewhere a line for each tenth of the whole."""
    if not out.is_terminal:
        yield _Lines(out, sum(map(len, wanted.values())))
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("partitions"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=out) as bars:
        tasks = {
            key: bars.add_task("/".join(key), total=len(partitions))
            for key, partitions in wanted.items()
        }

        def show(done: Mapping[AssetKey, int]) -> None:
            for key, task in tasks.items():
                bars.update(task, completed=done.get(key, 0))

        yield show


class _Lines:
    """Says how far the whole is, when it has moved by a tenth."""

    def __init__(self, out: Console, total: int) -> None:
        self._out = out
        self._total = total
        self._told = -1

    def __call__(self, done: Mapping[AssetKey, int]) -> None:
        now = sum(done.values())
        tenth = 100 * now // max(1, self._total) // _STEP_PERCENT
        if tenth != self._told:
            self._told = tenth
            self._out.print(f"{now} of {self._total} partitions are materialised")


def summary(
    out: Console,
    *,
    url: str,
    layout: Layout,
    warehouse: Path | str,
    simulator: str | None,
    asset: AssetKey | None,
    docs: str,
    report: str,
    metrics: str,
) -> None:
    """Where to click, where things lie, what to try next."""
    program = Path(sys.executable).with_name("market-assets")
    name = _short(program) if program.exists() else "market-assets"
    command = f"{name} {{}} --config {_short(layout.platform)}"
    lines = [
        ("Dagster UI", url),
        ("Asset graph", f"{url}/asset-groups"),
        ("Backfills", f"{url}{BACKFILLS}"),
        ("dbt docs", docs),
        ("Quality report", report),
        ("Health", urljoin(metrics, "health")),
        ("Metrics", metrics),
    ]
    if asset is not None:
        lines.append(("Partitions", f"{url}/assets/{'/'.join(asset)}?view=partitions"))
    if simulator:
        lines.append(("Simulated venues", simulator))
    lines += [
        ("Warehouse", _short(warehouse) if isinstance(warehouse, Path) else warehouse),
        ("Logs", f"{_short(layout.logs)}/*.log"),
        ("Next", command.format("status")),
        ("", command.format('query "SELECT * FROM raw.binance_ohlcv LIMIT 5"')),
        ("", command.format('query "SELECT * FROM marts.latest_stats"')),
        ("", command.format("instruments --venue okx")),
    ]
    out.print()
    for name, what in lines:
        out.print(f"[bold]{name:<18}[/]{what}", highlight=False, soft_wrap=True)


def coverage(out: Console, table: pa.Table) -> None:
    """What is stored, a line for each venue and dataset."""
    from rich.table import Table

    sums: dict[tuple[str, str, str], dict[str, int]] = {}
    symbols: dict[tuple[str, str, str], set[str]] = {}
    numbers = ("rows", "no_trade", "venue_outage", "not_listed", "missing")
    for row in table.to_pylist():
        series = (row["venue"], row["dataset"], row["interval"])
        symbols.setdefault(series, set()).add(row["symbol"])
        total = sums.setdefault(series, dict.fromkeys(numbers, 0))
        for number in numbers:
            total[number] += row[number]
    view = Table("Venue", "Dataset", "Interval", title="Stored", title_justify="left")
    for title in ("Symbols", "Rows", "No trade", "Outage", "Not listed", "Missing"):
        view.add_column(title, justify="right")
    for series, total in sorted(sums.items()):
        missing = f"[red]{total['missing']}[/]" if total["missing"] else "[green]0[/]"
        counts = [str(total[number]) for number in numbers[:-1]]
        view.add_row(*series, str(len(symbols[series])), *counts, missing)
    out.print()
    out.print(view)


def duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _short(path: Path) -> str:
    """Relative where that is shorter: it can be copied from the line."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
