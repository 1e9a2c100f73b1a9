"""Write docs/reference/checks.md from the checks; `--check` only says whether it is stale."""

from __future__ import annotations

import sys

from reference_page import publish

from market_assets.checks.registry import RULES
from market_assets.quality.raw_checks import DESCRIPTIONS
from market_assets.settings.quality import CHECK_NAMES, SEVERITIES

HEAD = """# Checks of raw tables

<!-- Made by `make docs-reference` from market_assets/checks and quality. Do not edit. -->

Each is an asset check of the raw assets it applies to, judged in their own runs over the run's
hours and `quality.look_back_hours` before them. `quality.severities` changes how bad a failure is,
or turns a check off. An error keeps the marts of its days from being built; `completeness` does
not, because an incomplete day is built and marked. A warning is only told. Thresholds are settings
([settings.md](settings.md)), or in `market_assets/checks/policy.py`.

Beside these rules an asset has the check `freshness`, the check `expectations` of the nightly
Great Expectations, and a mart dbt's tests: each with its words in [assets.md](assets.md).

| check | applies to | passes when | threshold | severity |
| --- | --- | --- | --- | --- |
"""


def render() -> str:
    rules = {rule.name: rule for rule in RULES}
    rows = []
    for name in CHECK_NAMES:
        of = [rule.applies_to for rule in RULES if rule.name == name]
        applies = ", ".join(dict.fromkeys(of)) or "all"
        said = DESCRIPTIONS.get(name) or rules[name].description
        threshold = rules[name].threshold if name in rules else ""
        shown = f"`{threshold}`" if threshold else ""
        rows.append(f"| `{name}` | {applies} | {said} | {shown} | {SEVERITIES[name]} |")
    return HEAD + "\n".join(rows) + "\n"


def main() -> int:
    return publish("reference/checks.md", render())


if __name__ == "__main__":
    sys.exit(main())
