"""Does the UI stay quick with 2.5 years of hours on every asset? GraphQL p95, and load time.

Partitions are seeded as bare events in a Dagster home of its own; nothing is fetched.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from market_assets.stack.dagster_api import AssetKey, DagsterApi
from market_assets.stack.environment import child_environment
from market_assets.stack.layout import CHECKOUT, Layout
from market_assets.stack.queries import ASSETS
from market_assets.stack.stack import Plan, Stack

YEARS = 2.5
ROUNDS = 15
LIMIT_SECONDS = 1.0
LIMIT_RATIO = 1.5
KEYS_PAGE = (
    "query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode { %s } } }"
)
STATUSES = """assetPartitionStatuses { ... on TimePartitionStatuses { ranges {
  status startKey endKey startTime endTime } } }"""
# What the graph asks for the nodes that it shows.
GRAPH = """query($keys: [AssetKeyInput!]!) { assetNodes(assetKeys: $keys) { id
  assetKey { path } partitionStats { numMaterialized numMaterializing numPartitions numFailed }
  assetMaterializations(limit: 1) { timestamp runId } } }"""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="market-bench-") as folder:
        layout = Layout(Path(folder).resolve() / "state")
        _write_settings(layout)
        seeded = _seed(layout)
        print(f"{seeded} materialised partitions seeded, {YEARS} years of hours on each raw asset")
        _pages(layout)
        _loading(layout)


def _write_settings(layout: Layout) -> None:
    layout.prepare()
    start = datetime.now(UTC).date() - timedelta(days=round(365 * YEARS))
    venues = {name: {"start": start.isoformat()} for name in ("binance", "okx", "aster")}
    state = layout.state
    settings = {
        "state_dir": str(state),
        "warehouse": {"path": str(state / "warehouse")},
        "venues": venues,
    }
    layout.platform.write_text(yaml.safe_dump(settings))


def _seed(layout: Layout) -> int:
    """In a process of its own: only it imports Dagster, with the home's environment."""
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("_seed_partitions.py"))],
        env=child_environment(layout, "bench"),
        cwd=CHECKOUT,
        check=True,
        stdout=subprocess.PIPE,
    )
    print(f"seeded in {time.perf_counter() - begun:.0f} s")
    return int(done.stdout)


def _pages(layout: Layout) -> None:
    with Stack(Plan(layout, 0)) as stack:
        stack.start()
        api = stack.api
        keys = [asset.key for asset in api.assets()]
        raw = [key for key in keys if key[-1].endswith("_ohlcv")]
        pages: Mapping[str, Callable[[AssetKey], object]] = {
            "asset graph: nodes": lambda _: api.ask(ASSETS),
            "asset graph: statuses of all": lambda _: _graph(api, keys),
            "asset page: one node": lambda key: _graph(api, [key]),
            "partitions page: statuses": lambda key: _asked(api, key, STATUSES),
            "partitions page: keys": lambda key: _asked(
                api, key, "partitionKeysByDimension { partitionKeys }"
            ),
        }
        print(f"\n{'page':32} {'first':>8} {'p50':>8} {'p95':>8}   limit {LIMIT_SECONDS:.0f} s")
        for name, page in pages.items():
            times = [_seconds(page, raw[n % len(raw)]) for n in range(ROUNDS + 1)]
            first, rest = times[0], sorted(times[1:])
            p95 = rest[min(len(rest) - 1, int(len(rest) * 0.95))]
            verdict = "ok" if p95 < LIMIT_SECONDS else "TOO SLOW"
            middle = rest[len(rest) // 2]
            print(f"{name:32} {first:8.3f} {middle:8.3f} {p95:8.3f}   {verdict}")


def _graph(api: DagsterApi, keys: list[AssetKey]) -> object:
    return api.ask(GRAPH, keys=[{"path": list(key)} for key in keys])


def _asked(api: DagsterApi, key: AssetKey, fields: str) -> object:
    return api.ask(KEYS_PAGE % fields, key={"path": list(key)})


def _seconds(page: Callable[[AssetKey], object], key: AssetKey) -> float:
    begun = time.perf_counter()
    page(key)
    return time.perf_counter() - begun


def _loading(layout: Layout) -> None:
    """`dagster definitions validate` of ours against an empty project that imports dagster-dbt."""
    empty = layout.state / "empty.py"
    empty.write_text(
        textwrap.dedent(
            """
            import dagster as dg
            import dagster_dbt

            defs = dg.Definitions()
            """
        )
    )
    environment = child_environment(layout, "bench")
    ours = _validated(["-m", "market_assets.definitions"], environment)
    nothing = _validated(["-f", str(empty)], environment)
    ratio = ours / nothing
    verdict = "ok" if ratio <= LIMIT_RATIO else "TOO SLOW"
    print(f"\nload of the code location, CPU seconds: ours {ours:.2f}, empty {nothing:.2f},")
    print(f"  ratio {ratio:.2f} (limit {LIMIT_RATIO})   {verdict}")


def _validated(target: list[str], environment: Mapping[str, str]) -> float:
    """CPU seconds of the better of two runs after a first one that writes bytecode."""
    command = [sys.executable, "-m", "dagster", "definitions", "validate", *target]
    found = []
    for _ in range(3):
        before = os.times()
        subprocess.run(command, env=environment, cwd=CHECKOUT, check=True, capture_output=True)
        after = os.times()
        found.append(
            after.children_user
            - before.children_user
            + after.children_system
            - before.children_system
        )
    return min(found[1:])


if __name__ == "__main__":
    main()
