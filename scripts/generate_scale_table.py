"""Write docs/reference/scale.md: what larger platforms store, ask and cost, and what stops them.

Rows come from the cost model (cost_model.py) and from the venues' own weights and page sizes;
`--check` only says if the page is stale.
"""

from __future__ import annotations

import sys

from cost_model import Platform
from reference_page import publish, table
from scale_limits import (
    BYTES_OF_A_CANDLE,
    LOADS_A_DAY,
    SECONDS_OF_A_TRANSACTION,
    Load,
)

from market_assets.venues.registry import VENUES as REGISTRY

SYMBOLS, VENUES = (5, 50, 500), (1, 3, 10)
GIB = 2**30
# A share from which a limit is worth knowing of, though nothing stops yet.
NEAR = 0.5
WHERE = ("venue budget", "Dagster runs", "embedded store")
CHANGES = {
    "venue budget": (
        "The hour's questions take the venue's whole budget for as long as the column says.",
        "Give each venue an address of its own (a code location with its own egress), or collect"
        " fewer symbols; a year of history comes from the archive (`ingest --source archive`).",
    ),
    "Dagster runs": (
        "A run is 2 s of CPU before it works.",
        "Postgres below Dagster, runs as pods (deploy/kubernetes), a larger"
        " dagster.max_concurrent_runs.",
    ),
    "embedded store": (
        "CPU of an hour's commits and marts on one machine, one writer at a time. Measured up to"
        " 500 symbols on 3 venues; how long marts of more take is assumed from their bytes.",
        "BigQuery: `warehouse.engine: bigquery`, `market-assets migrate`.",
    ),
    "BigQuery loads": (
        f"{LOADS_A_DAY:,} load jobs a day and project; staging tables keep clear of the 1,500"
        " changes a day that one table may have.",
        "A quota increase, or an hour's venues in one commit.",
    ),
    "BigQuery writers": (
        "Transactions that change one table take turns, and each raises a counter in ops.writers."
        f" Assumed: {SECONDS_OF_A_TRANSACTION:.0f} s each. Only the real service can tell.",
        "Fewer, larger commits; a counter for each venue.",
    ),
    "bytes of a query": (
        "The largest statement against costs.maximum_bytes_billed. It is what is expected each"
        " night of the view `ops_completeness`, which counts marts.completeness_days of"
        " marts.ohlcv.",
        "Lower marts.completeness_days, raise costs.maximum_bytes_billed, or leave minutes out of"
        " marts.ohlcv.",
    ),
    "daily budget": (
        "List prices against thresholds.daily_cost_usd; the free TiB a month is not taken off.",
        "A longer alerts.interval_seconds first, then fewer marts an hour, then a larger budget.",
    ),
}
HEAD = """# Scale, on paper

What 5, 50 and 500 symbols on 1, 3 and 10 venues come to, with candles of one hour and with candles
of one minute beside them, once a year is stored. Made by `make docs-reference`:
bytes and dollars are the cost model's ([costs](../costs.md)), weights and pages those of the
venues' own files, runs those of the definitions. Venues beyond the three that there are count as
one more of the last. What was measured on the embedded warehouse is in [scale](../scale.md);
nothing here was measured on the real BigQuery.

"""


def loads() -> list[Load]:
    return [
        Load(Platform(symbols, venues, minutes))
        for minutes in (False, True)
        for symbols in SYMBOLS
        for venues in VENUES
    ]


def page() -> str:
    found = loads()
    return (
        HEAD
        + "## Every day\n\n"
        + table(
            [
                "symbols × venues",
                "candles",
                "candles a day",
                "after a year",
                "on disk",
                "runs",
                "loads",
                "changing statements",
                "a month",
            ],
            [_day(load) for load in found],
        )
        + "\n`After a year` is everything, marts included, as BigQuery counts it; `on disk` is the"
        " candles alone on the embedded warehouse, compressed. Loads are jobs, smaller batches"
        " stand in the statement itself. Dollars are list prices for what queries read.\n\n"
        "## Venues\n\n"
        + table(
            [
                "symbols",
                "candles",
                *(f"weight a day, {venue}" for venue in REGISTRY),
                "the hour's questions take",
                "a year of history takes",
            ],
            [_venue(load) for load in found if load.platform.venues == 1],
        )
        + "\nMinutes and hours are those of the slowest venue at the whole of its tightest budget"
        " (Binance: 500 questions about funding in 5 minutes; OKX: 20 pages of history in 2 s)."
        " A venue does not care how many others there are.\n\n"
        "## What stops it first\n\n"
        + table(
            ["symbols × venues", "candles", "on the embedded warehouse", "on BigQuery"],
            [_first(load) for load in found],
        )
        + f"\nA share of 100 % is the limit; from {NEAR:.0%} on it is printed bold. Partitions are"
        " the same for every platform: an asset has one an hour, and 100,000 of them, what Dagster"
        " advises against passing, are 11 years.\n\n"
        "## What changes there\n\n"
        + table(["limit", "what it is", "what to do"], [(k, *v) for k, v in CHANGES.items()])
    )


def _named(load: Load) -> tuple[str, str]:
    platform = load.platform
    kind = "1h and 1m" if platform.minutes else "1h"
    return f"{platform.symbols} × {platform.venues}", kind


def _day(load: Load) -> tuple[str, ...]:
    return (
        *_named(load),
        f"{load.rows_a_day:,}",
        f"{load.platform.stored_bytes / GIB:,.1f} GiB",
        f"{load.rows_a_day * 365 * BYTES_OF_A_CANDLE / GIB:,.2f} GiB",
        f"{load.runs_a_day:,}",
        f"{load.loads_a_day:,}",
        f"{load.changes_a_day:,}",
        f"${load.dollars_a_month:,.0f}",
    )


def _venue(load: Load) -> tuple[str, ...]:
    slowest = max(venue.share for venue in load.venues.values())
    year = max(venue.year_hours for venue in load.venues.values())
    kind = "1h and 1m" if load.platform.minutes else "1h"
    return (
        str(load.platform.symbols),
        kind,
        *(f"{venue.weight_a_day:,}" for venue in load.venues.values()),
        f"{slowest * 60:.1f} minutes",
        f"{year:.1f} hours",
    )


def _first(load: Load) -> tuple[str, ...]:
    shares = load.shares()
    embedded = {name: shares[name] for name in WHERE}
    service = {name: share for name, share in shares.items() if name != "embedded store"}
    money = f"; {_said('daily budget', service.pop('daily budget'))}"
    return (*_named(load), _nearest(embedded), _nearest(service) + money)


def _nearest(shares: dict[str, float]) -> str:
    return _said(*max(shares.items(), key=lambda named: named[1]))


def _said(name: str, share: float) -> str:
    text = f"{name} {share:.0%}" if share >= 0.01 else f"{name} < 1 %"
    return f"**{text}**" if share >= NEAR else text


def main() -> int:
    assert set(CHANGES) == set(loads()[0].shares()), "each limit says what changes there"
    return publish("reference/scale.md", page())


if __name__ == "__main__":
    sys.exit(main())
