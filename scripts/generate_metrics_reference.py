"""Write docs/reference/metrics.md from the exporter; `--check` only says whether it is stale."""

from __future__ import annotations

import sys

from reference_page import publish, table

from market_assets.watch.exporter.metrics import GAUGES, LABELS

HEAD = """# Metrics

<!-- Made by `make docs-reference` from market_assets/watch. Do not edit. -->

What `/metrics` serves to Prometheus: gauges, in base units, whose labels only take values of the
settings. What could not be seen has no gauge: a gap in a graph is honest, a zero is not.
How to read them: [alerts, metrics, health](../alerts.md#prometheus-and-grafana).

"""


def render() -> str:
    rows = (
        (f"`{name}`", ", ".join(f"`{label}`" for label in LABELS.get(name, ())), said)
        for name, said in GAUGES.items()
    )
    return HEAD + table(("metric", "labels", "meaning"), rows)


def main() -> int:
    return publish("reference/metrics.md", render())


if __name__ == "__main__":
    sys.exit(main())
