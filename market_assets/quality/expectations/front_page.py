"""The page that Data Docs begin with: every table's last verdict, and the way to its own page.

Great Expectations' own index is filled by scripts from the internet, and empty without them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from market_assets.quality.expectations.verdicts import last_verdicts

if TYPE_CHECKING:
    from market_assets.settings import Settings

_INDEX = "index.html"
_INNER = "great_expectations.html"


def write_front_page(settings: Settings, docs: Path) -> None:
    """Put ours in the place of the index; that one stays, under another name."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    # What fails comes first, errors before oddities.
    verdicts = sorted(
        last_verdicts(settings), key=lambda v: (v.passed, v.severity != "error", v.table)
    )
    (docs / _INDEX).rename(docs / _INNER)
    page = environment.get_template("front.html.j2").render(verdicts=verdicts, inner=_INNER)
    (docs / _INDEX).write_text(page, encoding="utf-8")
