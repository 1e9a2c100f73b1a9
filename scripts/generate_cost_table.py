"""Write the table in docs/costs.md from measured statements; `--check` only says if it is stale.

The statements are those of scripts/measured_statements.json (see cost_model.py), priced by the
estimator of the platform itself for tables that hold a year of more symbols.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from cost_model import Platform
from reference_page import DOCS, publish

from market_assets.warehouse.estimate import TIB, Prices

BEGIN, END = "<!-- table: make docs-reference -->", "<!-- end of table -->"
SYMBOLS = (5, 50, 500)
DAYS_A_MONTH = 30
DOLLARS_PER_GIB = 0.02
GIB = 2**30
STAGES: Mapping[str, str] = {
    "candles": "Candles: hourly commits and checks",
    "funding": "Funding: hourly commits and checks",
    "instruments": "Instruments, daily",
    "build": "Marts and dbt's tests, hourly",
    "look": "Watch and sensors, 10 looks an hour",
    "night": "Expectations and report, nightly",
}


def table() -> str:
    lines = [
        "| | " + " | ".join(f"{count} symbols" for count in SYMBOLS) + " |",
        "| --- |" + " ---: |" * len(SYMBOLS),
    ]
    platforms = {count: Platform(count) for count in SYMBOLS}
    sizes = {count: platform.stored_bytes for count, platform in platforms.items()}
    any_one = platforms[SYMBOLS[0]]
    for stage, name in STAGES.items():
        sent, times = len(any_one.statements(stage)), any_one.times_a_day[stage]
        cells = []
        for platform in platforms.values():
            billed = platform.billed(stage)
            cells.append(f"{billed / GIB:,.1f} GiB, {_dollars(billed)}")
        lines.append(f"| {name} ({sent} statements × {times}) | {' | '.join(cells)} |")
    total = {count: platform.billed_a_day() for count, platform in platforms.items()}
    lines += [
        _row("**A day**", {n: f"{b / GIB:,.1f} GiB, **{_dollars(b)}**" for n, b in total.items()}),
        _row(
            "**A month** (30 days)",
            {n: f"**{_dollars(b * DAYS_A_MONTH)}**" for n, b in total.items()},
        ),
        _row(
            "The same after the free TiB a month",
            {n: _dollars(max(0, b * DAYS_A_MONTH - TIB)) for n, b in total.items()},
        ),
        _row("Stored after a year", {n: f"{s / GIB:,.2f} GiB" for n, s in sizes.items()}),
        _row(
            "Storage, a month",
            {n: f"${s / GIB * DOLLARS_PER_GIB:,.2f}" for n, s in sizes.items()},
        ),
    ]
    return "\n".join(lines)


def render(page: str) -> str:
    """The page with the table of now."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{table()}\n\n{END}{tail}"


def main() -> int:
    return publish("costs.md", render((DOCS / "costs.md").read_text(encoding="utf-8")))


def _row(name: str, cells: Mapping[int, str]) -> str:
    return f"| {name} | {' | '.join(cells.values())} |"


def _dollars(billed: float) -> str:
    return f"${billed / TIB * Prices().dollars_per_tib:,.2f}"


if __name__ == "__main__":
    sys.exit(main())
