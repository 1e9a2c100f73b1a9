"""The report as files: a page and JSON for each day, and an index that is the newest page."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from market_assets.errors import WarehouseUnwritable
from market_assets.quality.report.numbers import Report
from market_assets.quality.report.page import render

if TYPE_CHECKING:
    from market_assets.settings import Settings

_INDEX = "index.html"
# Data Docs, where they lie beside the reports.
_DOCS = "../expectations/index.html"


@dataclass(frozen=True, slots=True)
class Written:
    """Where a report is."""

    html: Path
    json: Path


def report_folder(settings: Settings) -> Path:
    """Of those that are served beside the UI, as dbt's docs are."""
    return settings.state_dir.absolute() / "sites" / "quality" / "report"


def write(report: Report, folder: Path) -> Written:
    """Put a day's report into the folder, in the place of an earlier one of that day."""
    try:
        return _write(report, folder)
    except OSError as error:
        raise WarehouseUnwritable(
            f"Writing the quality report to {folder}",
            str(error),
            "Name a folder that can be written to and has room",
        ) from error


def _write(report: Report, folder: Path) -> Written:
    folder.mkdir(parents=True, exist_ok=True)
    files = Written(folder / f"{report.day}.html", folder / f"{report.day}.json")
    page = render(report, _DOCS if (folder / _DOCS).exists() else "")
    _replace(files.json, json.dumps(as_json(report), indent=1, allow_nan=False))
    _replace(files.html, page)
    if files.html == max(folder.glob("????-??-??.html")):
        _replace(folder / _INDEX, page)
    return files


def as_json(report: Report) -> dict[str, Any]:
    """What the page says, as plain values."""
    document: dict[str, Any] = _plain(asdict(report))
    for symbol, facts in zip(document["symbols"], report.symbols, strict=True):
        for day, known in zip(symbol["days"], facts.days, strict=True):
            day["completeness"] = known.completeness
    return document


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, date | datetime) else value


def _replace(file: Path, text: str) -> None:
    """Whole or not at all: somebody may be reading."""
    draft = file.with_suffix(f"{file.suffix}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)
