"""Write the table in docs/costs.md from measured statements; `--check` only says if it is stale.

The statements are those of scripts/measured_statements.json, priced by the estimator of the
platform itself for tables that hold a year of more symbols.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from market_assets.warehouse.estimate import (
    TIB,
    Prices,
    Scan,
    Span,
    Statement,
    TableFacts,
    price,
)

MEASURED = Path(__file__).with_name("measured_statements.json")
TARGET = Path(__file__).parents[1] / "docs" / "costs.md"
BEGIN, END = "<!-- table: make docs-reference -->", "<!-- end of table -->"
VENUES = 3
SYMBOLS = (5, 50, 500)
STORED_DAYS = 365
DAYS_A_MONTH = 30
DOLLARS_PER_GIB = 0.02
GIB = 2**30
# Rows a day of the logs: a few weeks were collected at once, which left fewer than hour by hour.
REQUESTS_A_SYMBOL = 24 * VENUES * 2
LOGS: Mapping[str, int] = {
    "ops.changes": 24 * VENUES * 2,
    "ops.builds": 24 * 25,
    "ops.check_results": 24 * VENUES * 17,
}
# A row for each pair of symbols. It was measured with two: one pair, half a one for each symbol.
OF_PAIRS = ("marts.correlation_daily",)
OF_ONE = ("marts.risk_portfolio_daily",)
MEASURED_SYMBOLS = 2
# Stage -> how it is called, and how often a day. Each venue's hour is collected and checked; once
# all have come, the marts of the day are built; sensors look again after each of some ten writes.
STAGES: Mapping[str, tuple[str, int]] = {
    "candles": ("Candles: hourly commits and checks", 24 * VENUES),
    "funding": ("Funding: hourly commits and checks", 24 * VENUES),
    "instruments": ("Instruments, daily", VENUES),
    "build": ("Marts and dbt's tests, hourly", 24),
    "look": ("Watch and sensors, 10 looks an hour", 240),
    "night": ("Expectations and report, nightly", 1),
}


def facts(
    symbols: int, tables: Mapping[str, Any], logs: Mapping[str, int]
) -> dict[str, TableFacts]:
    """Every table with a year of so many symbols; today is day 0."""
    found = {}
    for name, table in tables.items():
        rows = round(_rows_a_day(name, table["rows_a_day"], symbols, logs) * STORED_DAYS)
        spans = (Span(1 - STORED_DAYS, 0, rows),) if rows else ()
        found[name] = TableFacts(table["widths"], spans, round(table["rows"] * symbols))
    return found


def _rows_a_day(table: str, of_symbol: float, symbols: int, logs: Mapping[str, int]) -> float:
    if table in logs:
        return logs[table]
    if table == "ops.requests":
        return REQUESTS_A_SYMBOL * symbols
    if table in OF_PAIRS:
        return of_symbol * symbols * (symbols - 1)
    # There is one portfolio, whatever is collected.
    return of_symbol * (MEASURED_SYMBOLS if table in OF_ONE else symbols)


def statement(told: Mapping[str, Any], symbols: int) -> Statement:
    scans = tuple(
        Scan(table, None if columns is None else tuple(columns), first, last, rewrites)
        for table, columns, first, last, rewrites in told["scans"]
    )
    staged = tuple(round(size * symbols) for size in told["staged_per_symbol"])
    return Statement(told["label"], scans, staged, told["asset"])


def table() -> str:
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    lines = [
        "| | " + " | ".join(f"{count} symbols" for count in SYMBOLS) + " |",
        "| --- |" + " ---: |" * len(SYMBOLS),
    ]
    issued = sum(times * len(measured["stages"][stage]) for stage, (_, times) in STAGES.items())
    logs = {**LOGS, "ops.query_costs": issued}
    known = {count: facts(count, measured["tables"], logs) for count in SYMBOLS}
    sizes = {
        count: sum(one.rows() * one.row_bytes() for one in tables.values())
        for count, tables in known.items()
    }
    total = dict.fromkeys(SYMBOLS, 0)
    for stage, (name, times) in STAGES.items():
        told = measured["stages"][stage]
        cells = []
        for count in SYMBOLS:
            billed = times * sum(
                price(statement(one, count), known[count], Prices()).bytes_billed for one in told
            )
            total[count] += billed
            cells.append(f"{billed / GIB:,.1f} GiB, {_dollars(billed)}")
        lines.append(f"| {name} ({len(told)} statements × {times}) | {' | '.join(cells)} |")
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
    page = TARGET.read_text(encoding="utf-8")
    text = render(page)
    if "--check" in sys.argv:
        if page == text:
            return 0
        sys.stderr.write(f"{TARGET} is stale: run make docs-reference\n")
        return 1
    TARGET.write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {TARGET}\n")
    return 0


def _row(name: str, cells: Mapping[int, str]) -> str:
    return f"| {name} | {' | '.join(cells.values())} |"


def _dollars(billed: float) -> str:
    return f"${billed / TIB * Prices().dollars_per_tib:,.2f}"


if __name__ == "__main__":
    sys.exit(main())
