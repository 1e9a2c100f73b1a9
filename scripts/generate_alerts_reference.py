"""Write docs/reference/alerts.md from the rules of the watch; `--check` only says what is stale.

A rule without a runbook gets a stub in docs/operations.md, which the tests refuse: somebody who is
woken by an alert has to find what to do.
"""

from __future__ import annotations

import sys
from pathlib import Path

from market_assets.health.rules import RULES
from market_assets.settings.alerts import ALERT_RULES, DEFAULT_ALERT_SEVERITIES, AlertRule

DOCS = Path(__file__).parents[1] / "docs"
TARGET = DOCS / "reference" / "alerts.md"
RUNBOOKS = DOCS / "operations.md"
STUB = "Nobody has written down yet what to do."
HEAD = """# Alerts

<!-- Made by `make docs-reference` from market_assets/health/rules.py. Do not edit. -->

What the watch judges. `alerts.severities` changes how bad a rule is, or turns it off; limits are
settings ([settings.md](settings.md)). All troubles of a rule in one place (*one alert for*) are one
alert. An event is told once and needs no recovery. Channels, routes and market alerts:
[alerts.md](../alerts.md).

| rule | means | severity | looks at | limits | over | one alert for |
| --- | --- | --- | --- | --- | --- | --- |
"""


def heading(rule: AlertRule) -> str:
    """Whose anchor is #alert-<rule>, which every message links to."""
    return f"### alert: {rule}"


def render() -> str:
    return HEAD + "".join(_row(rule) for rule in ALERT_RULES)


def _row(rule: AlertRule) -> str:
    text = RULES[rule]
    event = " (event)" if text.is_event else ""
    cells = (
        f"[`{rule}`](../operations.md#alert-{rule})",
        f"**{text.title}.** {text.meaning}",
        f"{DEFAULT_ALERT_SEVERITIES[rule]}{event}",
        text.looks_at,
        ", ".join(f"`{limit}`" for limit in text.limits) or "none",
        text.recovers,
        text.scope,
    )
    return f"| {' | '.join(cells)} |\n"


def without_runbook(operations: str) -> list[AlertRule]:
    lines = operations.splitlines()
    return [rule for rule in ALERT_RULES if heading(rule) not in lines]


def main() -> int:
    operations = RUNBOOKS.read_text(encoding="utf-8")
    missing = without_runbook(operations)
    if "--check" in sys.argv:
        stale = not TARGET.exists() or TARGET.read_text(encoding="utf-8") != render()
        if stale or missing:
            what = ", ".join(([str(TARGET)] if stale else []) + [f"runbook {r}" for r in missing])
            sys.stderr.write(f"stale: {what}: run make docs-reference\n")
        return int(stale or bool(missing))
    TARGET.write_text(render(), encoding="utf-8")
    sys.stdout.write(f"wrote {TARGET}\n")
    for rule in missing:
        operations += f"\n{heading(rule)}\n\n{RULES[rule].meaning}\n\n{STUB}\n"
        sys.stdout.write(f"wrote a stub for {rule}: say in {RUNBOOKS} what to do\n")
    RUNBOOKS.write_text(operations, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
