"""The settings of a stack, written down: its processes read them, and so can every command.

`market-assets query --config .state/demo/platform.yaml "..."` then asks the demo's warehouse, and
simulated rows cannot get into the real one by a forgotten variable.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from market_assets.errors import SettingsInvalid
from market_assets.settings import Settings
from market_assets.settings.models import ARCHIVE_URLS
from market_assets.stack.layout import Layout
from market_assets.stack.ports import HOST

# A week of partitions: the UI has something to page through, three days of it are brought at once.
DEMO_DAYS = 7
_HEADER = "# Written by market-assets at each start. Change the platform.yaml of the checkout.\n"


def demo_layout(settings: Settings) -> Layout:
    """Beside the real data, never in it."""
    return Layout(settings.state_dir.absolute() / "demo")


def live_layout(settings: Settings) -> Layout:
    return Layout(settings.state_dir.absolute())


@dataclass(frozen=True, slots=True)
class ServedAt:
    """Ports of what people and programs look at."""

    ui: int
    docs: int
    metrics: int

    @property
    def urls(self) -> dict[str, str]:
        return {
            "ui_url": f"http://{HOST}:{self.ui}",
            "docs_url": f"http://{HOST}:{self.docs}/dbt/index.html",
            "metrics_url": f"http://{HOST}:{self.metrics}/metrics",
        }


def write_live(settings: Settings, layout: Layout, served: ServedAt) -> None:
    document = settings.model_dump(mode="json")
    document |= served.urls
    if settings.ui_url != Settings.model_fields["ui_url"].default:
        # People reach it under another name, as behind a proxy.
        document["ui_url"] = settings.ui_url
    _write(document, layout)


def write_demo(
    settings: Settings, layout: Layout, simulator_port: int, served: ServedAt
) -> dict[str, object]:
    """The settings with every venue simulated. Returns what the simulator is started with.

    The first day and the seed are remembered: a market that began elsewhere would be another one,
    and the partitions of earlier days would be gone.
    """
    remembered = _remembered(layout, settings)
    document = settings.model_dump(mode="json")
    document["state_dir"] = str(layout.state)
    document["warehouse"]["engine"] = "ducklake"
    document["dagster"]["storage"] = "sqlite"
    document["warehouse"]["path"] = str(layout.state / "warehouse")
    document |= served.urls
    document["simulator"] |= {"seed": remembered["seed"], "port": simulator_port}
    for name, venue in document["venues"].items():
        venue["base_url"] = f"http://{HOST}:{simulator_port}/{name}"
        if name in ARCHIVE_URLS:
            venue["archive_url"] = f"http://{HOST}:{simulator_port}/{name}/archive"
        venue["start"] = remembered["start"]
        venue["end"] = None
    _write(document, layout)
    return {
        "port": simulator_port,
        "seed": remembered["seed"],
        "latency_ms": settings.simulator.latency_ms,
    }


def _remembered(layout: Layout, settings: Settings) -> dict[str, Any]:
    file = layout.state / "demo.json"
    if file.exists():
        return _read(file)
    start: date = datetime.now(UTC).date() - timedelta(days=DEMO_DAYS - 1)
    fresh = {"start": start.isoformat(), "seed": settings.simulator.seed}
    _put(file, json.dumps(fresh))
    return fresh


def _read(file: Path) -> dict[str, Any]:
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        begun = date.fromisoformat(known["start"])
        return {"start": begun.isoformat(), "seed": int(known["seed"])}
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsInvalid(
            "Reading which market the demo simulates",
            f"{file} does not say it: {error}",
            f"Remove {file.parent} and start again: the demo's data can be made anew",
        ) from error


def _write(document: dict[str, Any], layout: Layout) -> None:
    import yaml

    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    _put(layout.platform, _HEADER + text)


def _put(file: Path, text: str) -> None:
    """Whole or not at all: on a full disk the next start would find an empty file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".tmp")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)
