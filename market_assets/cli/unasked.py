"""What the settings name and nobody asked for, each with what brings it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from market_assets.schemas.datasets import FUNDING_RATES, OHLCV
from market_assets.schemas.timeline import DAY_MS, Window, to_datetime, to_ms, to_text

if TYPE_CHECKING:
    from market_assets.quality.unasked import Unasked
    from market_assets.settings import Settings
    from market_assets.warehouse.protocol import Warehouse

_NAMED = 5
# (candle length, time, whether the venue trades them): symbols of which the same can be said.
Alike = tuple[str, Window, bool]


def show_unasked(
    store: Warehouse,
    settings: Settings,
    venue: str | None,
    dataset: str | None,
    config: Path | None,
) -> None:
    """Of all days since each venue's start: what, since when, and the command that brings it."""
    from market_assets.quality.unasked import unasked

    until = to_ms(datetime.now(UTC))
    for name, options in settings.enabled_venues.items():
        for kind in (OHLCV, FUNDING_RATES):
            if venue not in (None, name) or dataset not in (None, kind.name):
                continue
            begins = to_ms(options.start)
            days = Window(begins, max(begins, until))
            found = unasked(store, settings, name, kind, days)
            for alike, symbols in _together(found).items():
                _show(name, kind.name, alike, symbols, config)


def _show(venue: str, dataset: str, alike: Alike, symbols: list[str], config: Path | None) -> None:
    interval, window, is_traded = alike
    named = ", ".join(symbols[:_NAMED])
    if len(symbols) > _NAMED:
        named += f" and {len(symbols) - _NAMED} more"
    span = f"{to_text(window.start)} .. {to_text(window.end)}"
    series = " ".join(filter(None, (venue, dataset, interval, named)))
    click.echo(f"Nobody asked for {series} {span}")
    bring = ["ingest", "--venue", venue, "--dataset", dataset, "--symbols", ",".join(symbols)]
    bring += ["--interval", interval] if interval else []
    bring += ["--from", _moment(window.start), "--to", _moment(window.end)]
    what = "brings it" if is_traded else f"{venue} lists no such symbol; what it lists"
    words = bring if is_traded else ["instruments", "--venue", venue]
    words += ["--config", str(config)] if config else []
    click.echo(f"  {what}: {shlex.join(['market-assets', *words])}")


def _together(found: Iterable[Unasked]) -> Mapping[Alike, list[str]]:
    together: dict[Alike, list[str]] = {}
    for one in found:
        together.setdefault((one.interval, one.window, one.is_traded), []).append(one.symbol)
    return together


def _moment(ms: int) -> str:
    """As the options read it, with the time of day where it is not midnight."""
    return f"{to_datetime(ms):{'%Y-%m-%dT%H:%M' if ms % DAY_MS else '%Y-%m-%d'}}"
