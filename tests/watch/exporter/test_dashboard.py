"""The Grafana dashboard and the Prometheus rules ask only for what the exporter serves."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from exporter_support import Client, look

from market_assets.watch.exporter.metrics import GAUGES
from market_assets.watch.snapshot import write_snapshot

ROOT = Path(__file__).parents[3]
METRIC = re.compile(r"market_assets_[a-z0-9_]+")
# A metric with its matchers: market_assets_open_alerts{severity="critical"}
MATCHED = re.compile(r"(market_assets_[a-z0-9_]+)\{([^}]*)\}")
DASHBOARD = json.loads((ROOT / "deploy/grafana/market-assets.json").read_text(encoding="utf-8"))
RULES = yaml.safe_load((ROOT / "deploy/prometheus/market-assets.rules.yml").read_text())
Serve = Callable[[Path], Client]


def asked() -> Iterator[tuple[str, str]]:
    """Everything that is asked of Prometheus: who asks, and the expression."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["definition"]
    for group in RULES["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def exported(folder: Path, serve: Serve) -> dict[str, set[str]]:
    """Metrics of a real exporter over a look that saw everything, with their labels."""
    write_snapshot(folder, look(datetime.now(UTC), critical="firing"))
    found: dict[str, set[str]] = {}
    for name, labels in serve(folder).get("/metrics").samples:
        found.setdefault(name, set()).update(label for label, _ in labels)
    return found


def test_every_metric_that_is_asked_for_is_served(tmp_path: Path, serve: Serve) -> None:
    served = exported(tmp_path, serve)

    for who, expression in asked():
        names = set(METRIC.findall(expression))
        # `up` is Prometheus' own.
        assert names or 'up{job="market-assets"}' in expression, who
        assert names <= served.keys(), who


def test_every_label_that_is_asked_for_is_served(tmp_path: Path, serve: Serve) -> None:
    served = exported(tmp_path, serve)

    for who, expression in asked():
        for name, matchers in MATCHED.findall(expression):
            assert set(re.findall(r"(\w+)\s*[=!]", matchers)) <= served[name], who
        for labels in re.findall(r"by \(([^)]*)\)", expression):
            wanted = {label.strip() for label in labels.split(",")}
            assert all(wanted <= served[n] for n in METRIC.findall(expression)), who


def test_legends_name_labels_that_are_there(tmp_path: Path, serve: Serve) -> None:
    served = exported(tmp_path, serve)

    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            labels = set().union(*(served[name] for name in METRIC.findall(target["expr"])))
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= labels, panel["title"]


def test_every_metric_that_is_served_is_on_a_panel_and_explained(
    tmp_path: Path, serve: Serve
) -> None:
    shown = {name for _, expression in asked() for name in METRIC.findall(expression)}
    page = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(market_assets_\w+)` \| ([^|]*) \| ([^|]*) \|$", page, re.MULTILINE)

    served = exported(tmp_path, serve)

    assert served.keys() <= shown
    explained = {name: set(re.findall(r"\w+", labels)) for name, labels, _ in rows}
    assert explained == served
    assert {name: said for name, _, said in rows} == dict(GAUGES)


def test_the_dashboard_works_on_any_prometheus() -> None:
    """It names no data source of ours, and no two panels are the same one."""
    panels: list[dict[str, Any]] = DASHBOARD["panels"]

    for panel in panels:
        if panel["type"] != "row":
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert panel["description"]
            assert all(t["datasource"] == panel["datasource"] for t in panel["targets"])
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels]
    assert len(set(places)) == len(places)
    assert all(p["gridPos"]["x"] + p["gridPos"]["w"] <= 24 for p in panels)


def test_prometheus_asks_the_port_of_the_defaults() -> None:
    from market_assets.settings import Settings

    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())

    (job,) = config["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"127.0.0.1:{Settings().metrics_port}"]}]
    assert job["job_name"] == "market-assets"
    (file,) = config["rule_files"]
    assert (ROOT / "deploy/prometheus" / file).exists()


def test_a_dead_watch_is_told_by_a_rule_that_its_own_metrics_trip(
    tmp_path: Path, serve: Serve
) -> None:
    rules = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}

    expression = rules["MarketAssetsNobodyLooks"]["expr"]

    metric, _, value = expression.partition(" == ")
    client = serve(tmp_path)
    # Nobody has ever looked here.
    assert client.get("/metrics").samples[metric, ()] == float(value)
    write_snapshot(tmp_path, look(datetime.now(UTC)))
    assert client.get("/metrics").samples[metric, ()] != float(value)
