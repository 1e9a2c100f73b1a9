"""Write docs/reference/engines.md from the contract's tests; `--check` only says if it is stale.

Read from the tests' source: a test of a module with ENGINES runs on each of them, and a gap is a
strict expected failure, so that a page which is up to date is also true.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reference_page import publish, table

from market_assets.warehouse.bigquery.engine import BigQueryWarehouse
from market_assets.warehouse.contract import Capabilities
from market_assets.warehouse.ducklake import DuckLakeWarehouse

TESTS = Path(__file__).parents[1] / "tests" / "warehouse"
ENGINES: Mapping[str, Capabilities] = {
    "ducklake": DuckLakeWarehouse.capabilities,
    "bigquery": BigQueryWarehouse.capabilities,
}
HEAD = """# Engines

<!-- Made by `make docs-reference` from tests/warehouse and the engines. Do not edit. -->

The embedded store and BigQuery keep one contract (`market_assets/warehouse/protocol.py`), and the
same tests run on both: BigQuery's against an emulator that speaks its API, with Google's client.
What only the real service can prove stands in [BigQuery](../bigquery.md).
"""


@dataclass(frozen=True)
class Promise:
    """One test of the contract, and the engines that break it."""

    says: str
    gaps: Mapping[str, str]


def render() -> str:
    parts = [HEAD, "\n## Abilities\n\n", _abilities(), "\n## The contract, test by test\n"]
    kept = {path: list(_promises(path)) for path in sorted(TESTS.glob("test_*.py"))}
    for path, promises in kept.items():
        if promises:
            parts.append(f"\n### {_title(path)}\n\n")
            parts.append(table(("promise", *ENGINES), (_row(one) for one in promises)))
    return "".join(parts)


def _abilities() -> str:
    rows = [
        ("readers beside a writer", *(_yes(c.concurrent_readers) for c in ENGINES.values())),
        ("the store as it was", *(_yes(c.time_travel) for c in ENGINES.values())),
        ("files have to be compacted", *(_yes(c.needs_compaction) for c in ENGINES.values())),
        ("remarks", *("; ".join(c.notes) for c in ENGINES.values())),
    ]
    return table(("ability", *ENGINES), rows)


def _promises(path: Path) -> Iterator[Promise]:
    module = ast.parse(path.read_text(encoding="utf-8"))
    targets = [_names(node) for node in module.body if isinstance(node, ast.Assign)]
    if ["ENGINES"] not in targets:
        return
    for node in module.body:
        if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
            continue
        if {"warehouse", "engine"} & {argument.arg for argument in node.args.args}:
            yield Promise(node.name.removeprefix("test_").replace("_", " "), dict(_gaps(node)))


def _gaps(node: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    for mark in node.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.gap":
            engine, reason = (ast.literal_eval(argument) for argument in mark.args)
            yield engine, reason


def _row(promise: Promise) -> tuple[str, ...]:
    return promise.says, *(
        f"no: {promise.gaps[name]}" if name in promise.gaps else "yes" for name in ENGINES
    )


def _names(node: ast.Assign) -> list[str]:
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def _title(path: Path) -> str:
    return path.stem.removeprefix("test_").replace("_", " ").capitalize()


def _yes(able: bool) -> str:
    return "yes" if able else "no"


if __name__ == "__main__":
    sys.exit(publish("reference/engines.md", render()))
