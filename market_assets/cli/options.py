"""Options and arguments that several commands share."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from market_assets.errors import RequestInvalid
from market_assets.schemas.datasets import DATASETS
from market_assets.schemas.timeline import (
    INTERVALS,
    MINUTE_MS,
    Window,
    ceil_to,
    to_ms,
    to_text,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import Console

    from market_assets.settings import Settings
    from market_assets.warehouse.protocol import Warehouse


# Beyond them days before or after, or another zone's time, are no times any more.
FIRST_YEAR, LAST_YEAR = 1970, 2999


class _Moment(click.ParamType[datetime]):
    """A time in UTC: 2026-01-31 or 2026-01-31T07:00."""

    name = "time"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,  # noqa: ARG002  # click's signature
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time. Write 2026-01-31 or 2026-01-31T07:00 (UTC)", param)
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            self.fail(f"{value!r} is not within {FIRST_YEAR} .. {LAST_YEAR}", param)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


MOMENT = _Moment()
# How many rows are shown; 0 is all.
COUNT = click.IntRange(min=0)


def window(start: datetime, end: datetime | None, interval: str) -> Window:
    """[from, to); without an end, all that has begun."""
    step = INTERVALS.get(interval, MINUTE_MS)
    end_ms = ceil_to(to_ms(datetime.now(UTC)), step) if end is None else to_ms(end)
    if end is None and end_ms <= to_ms(start):
        raise RequestInvalid(
            "Reading the request",
            f"--from {to_text(to_ms(start))} is yet to come",
            "Give a --from that is past (UTC)",
        )
    if end_ms <= to_ms(start):
        raise RequestInvalid(
            "Reading the request",
            f"--to {to_text(end_ms)} is not after --from {to_text(to_ms(start))}",
            "The window is [from, to): give a later --to or an earlier --from",
        )
    return Window(to_ms(start), end_ms)


def symbols(text: str | None, settings: Settings, venue: str) -> tuple[str, ...]:
    """The named symbols, or all that the settings have for the venue."""
    if text is None:
        return tuple(settings.venue(venue).symbols)
    return tuple(dict.fromkeys(part.strip().upper() for part in text.split(",") if part.strip()))


def config(function: Any) -> Any:
    return click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Settings file (default: platform.yaml, or MARKET_ASSETS_CONFIG).",
    )(function)


def load(path: Path | None) -> Settings:
    from market_assets.settings import load_settings

    return load_settings(path)


def existing_warehouse(settings: Settings, *, read_only: bool = False) -> Warehouse:
    """For commands that work on what is there: at a mistyped path nothing is made."""
    warehouse(settings, read_only=True).close()
    return warehouse(settings, read_only=read_only)


def warehouse(settings: Settings, *, read_only: bool = False) -> Warehouse:
    from market_assets.warehouse.opening import open_warehouse

    return open_warehouse(settings, read_only=read_only)


def check_dataset(name: str) -> None:
    if name not in DATASETS:
        raise RequestInvalid(
            "Reading the request",
            f"there is no dataset {name!r}",
            f"Datasets are {', '.join(DATASETS)}",
        )


def check_filters(settings: Settings, venue: str | None, dataset: str | None) -> None:
    """A misspelt filter would look like an answer: nothing there."""
    if venue:
        settings.venue(venue)
    if dataset:
        check_dataset(dataset)


def check_interval(name: str) -> None:
    if name and name not in INTERVALS:
        raise RequestInvalid(
            "Reading the request",
            f"there is no candle length {name!r}",
            f"Candle lengths are {', '.join(INTERVALS)}",
        )


def console() -> Console:
    from rich.console import Console

    # In a pipe there is no width to fit into: lines are not cut.
    return Console(width=None if sys.stdout.isatty() else 200)


def show_rows(table: pa.Table, limit: int) -> None:
    """The first rows of a table, for people."""
    from rich.table import Table
    from rich.text import Text

    view = Table()
    for name in table.column_names:
        view.add_column(Text(name))
    for row in table.slice(0, limit).to_pylist():
        # As text: what is stored may hold rich's own markup.
        view.add_row(*("" if value is None else Text(str(value)) for value in row.values()))
    console().print(view)
    if table.num_rows > limit:
        console().print(f"{limit} of {table.num_rows} rows; --limit 0 shows all")


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
