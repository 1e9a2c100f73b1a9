"""The checks of a raw asset, as Dagster shows them: one verdict each over the run's hours.

They run in the asset's own step: a process of their own would cost each hourly run more than all
rules together. What blocks is known to the marts' sensor too, from `ops.check_results`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from market_assets.defs import markdown
from market_assets.defs.freshness import CHECK as FRESHNESS
from market_assets.defs.freshness import freshness_result
from market_assets.defs.names import raw_key
from market_assets.quality.raw_checks import DESCRIPTIONS, RawJudge, check_names, window_to_judge
from market_assets.quality.unasked import record_unasked, unasked
from market_assets.quality.vanished import reopen
from market_assets.quality.verdicts import blocks
from market_assets.schemas.datasets import OHLCV, Dataset
from market_assets.schemas.timeline import Window, to_text
from market_assets.warehouse.metering import charged_to

if TYPE_CHECKING:
    from market_assets.quality.verdicts import Verdict
    from market_assets.settings import Settings
    from market_assets.warehouse.protocol import Warehouse

_SHOWN = 10


def raw_check_specs(venue: str, dataset: Dataset, settings: Settings) -> list[dg.AssetCheckSpec]:
    """A spec for each check that is not turned off."""
    return [
        dg.AssetCheckSpec(
            name,
            asset=raw_key(venue, dataset),
            description=_description(name),
            # An incomplete run fails by itself, and says more than a failed check can.
            blocking=_blocks(name, settings),
            metadata={"severity": settings.quality.severity(name)},
        )
        for name in check_names(dataset, settings)
    ]


def judged(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    settings: Settings,
    venue: str,
    dataset: Dataset,
    hours: Window,
) -> Iterator[dg.AssetCheckResult]:
    """Run the selected checks over the run's hours and those before; keep the verdicts."""
    selected = {key.name for key in context.selected_asset_check_keys}
    if FRESHNESS in selected:
        yield freshness_result(settings, warehouse, venue, dataset)
    if not selected - {FRESHNESS}:
        return
    began = time.perf_counter()
    window = window_to_judge(hours, settings, venue)
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    with charged_to(label="check"):
        found = RawJudge(warehouse, settings, venue, dataset, window, now_ms).verdicts()
        verdicts = [verdict for verdict in found if verdict.check in selected]
    warehouse.record_checks([verdict.as_result(context.run.run_id) for verdict in verdicts])
    if any(v.check == "completeness" and not v.passed for v in verdicts):
        symbols = settings.venue(venue).symbols
        for interval in settings.venue(venue).intervals if dataset is OHLCV else ():
            reopen(warehouse, venue, interval, symbols, window, context.run.run_id)
        never = unasked(warehouse, settings, venue, dataset, window)
        record_unasked(warehouse, venue, dataset, never, context.run.run_id)
    context.log.info(f"{len(verdicts)} checks took {time.perf_counter() - began:.2f} s")
    if any(not v.passed and _blocks(v.check, settings) for v in verdicts):
        # The same rows break the same rules again: only a person can help.
        context.instance.add_run_tags(context.run.run_id, {"dagster/max_retries": "0"})
    for verdict in verdicts:
        yield dg.AssetCheckResult(
            asset_key=raw_key(venue, dataset),
            check_name=verdict.check,
            passed=verdict.passed,
            severity=dg.AssetCheckSeverity[verdict.severity.upper()],
            description=None if verdict.passed else _said(verdict),
            metadata=_metadata(verdict, settings, venue, dataset),
        )


def _blocks(name: str, settings: Settings) -> bool:
    return blocks(name, settings.quality.severity(name))


def _description(name: str) -> str:
    from market_assets.checks.registry import RULES

    if name in DESCRIPTIONS:
        return DESCRIPTIONS[name]
    return next(rule.description for rule in RULES if rule.name == name)


def _said(verdict: Verdict) -> str:
    counted = ", ".join(f"{name}: {count}" for name, count in sorted(verdict.counts.items()))
    return f"{verdict.findings} found in {verdict.window} UTC ({counted})"


def _metadata(
    verdict: Verdict, settings: Settings, venue: str, dataset: Dataset
) -> dict[str, dg.MetadataValue]:
    """The numbers, and where to look further when there is something to see."""
    values: dict[str, dg.MetadataValue] = {
        "findings": dg.MetadataValue.int(verdict.findings),
        "window_start": dg.MetadataValue.text(f"{to_text(verdict.window.start)} UTC"),
        "window_end": dg.MetadataValue.text(f"{to_text(verdict.window.end)} UTC"),
    }
    if verdict.passed:
        return values
    values["counts"] = dg.MetadataValue.json(dict(verdict.counts))
    values["sample"] = dg.MetadataValue.md(_table(verdict.sample))
    if verdict.check in ("schema", "quarantine"):
        values["quarantine"] = dg.MetadataValue.text(
            f"market-assets quarantine list --venue {venue} --dataset {dataset.name}"
        )
    values["report"] = dg.MetadataValue.url(settings.report_url)
    return values


def _table(sample: Sequence[Mapping[str, Any]]) -> str:
    """The first findings, with the names of the first one's facts."""
    names = list(sample[0]) if sample else []
    return markdown.table(names, ([row.get(name) for name in names] for row in sample[:_SHOWN]))
