"""The report as one HTML page that needs nothing else. All that comes from data is escaped."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from market_assets.quality.report import score
from market_assets.quality.report.gathering import DAYS_SHOWN
from market_assets.quality.report.numbers import Report, SymbolDay

if TYPE_CHECKING:
    from jinja2 import Template

# State of an hour -> what it says. Their colours, for both light and dark, are in the template.
STATES = {
    "present": "stored",
    "no_trade": "no trade",
    "venue_outage": "venue outage",
    "not_listed": "not listed",
    "missing": "missing",
    "not_asked": "not asked for",
    "not_collected": "not collected yet",
    "not_closed": "not closed yet",
}
_GOOD, _FAIR = 99.0, 90.0


def render(report: Report, docs: str = "") -> str:
    """The whole page; `docs` is where Data Docs are, as a link from it."""
    held = sum(one.rows for one in report.quarantine if one.status == "held")
    return _template().render(
        report=report,
        docs=docs,
        held=held,
        states=STATES,
        parts=list(score.PARTS),
        formula=score.PARTS,
        score_days=score.DAYS,
        days_shown=DAYS_SHOWN,
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {
        "grade": grade,
        "budget_grade": budget_grade,
        "coverage_grade": coverage_grade,
        "points": points,
        "percent": _percent,
        "share": lambda value: "–" if value is None else f"{value:.2%}",
        "whole": lambda value: "–" if value is None else f"{value:,.0f}",
        "moment": _moment,
        "month_day": _month_day,
    }
    return environment.get_template("page.html.j2")


def points(value: float | None) -> str:
    """A score as it is written, rounded down: what is not perfect must not look perfect."""
    return "–" if value is None else f"{int(10 * value) / 10:.1f}"


def grade(value: float | None) -> str:
    """How a score of 0 to 100 is coloured."""
    if value is None:
        return "soft"
    return "good" if value >= _GOOD else "fair" if value >= _FAIR else "bad"


def budget_grade(used: float) -> str:
    """An error budget is spent at 1."""
    return "good" if used < 0.5 else "fair" if used <= 1 else "bad"


def coverage_grade(day: SymbolDay, least_percent: float) -> str:
    """Whole, or at least what is asked for, or less."""
    if day.completeness is None:
        return "none"
    if day.completeness == 1:
        return "good"
    return "fair" if 100 * day.completeness >= least_percent else "bad"


def _percent(day: SymbolDay) -> str:
    """Rounded down: what is not whole must not look whole."""
    if day.completeness is None:
        return ""
    return f"{int(1000 * day.completeness) / 10:g}"


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _month_day(day: date) -> str:
    return f"{day:%m-%d}"
