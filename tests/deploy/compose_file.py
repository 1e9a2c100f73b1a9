"""deploy/compose.yaml as compose reads it: variables filled in, anchors merged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from market_assets.stack.layout import CHECKOUT

DEPLOY = CHECKOUT / "deploy"
FILE = DEPLOY / "compose.yaml"
# As docker's documentation has it: ${NAME}, ${NAME:-default}, ${NAME:?what to do}
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


class NotSetError(Exception):
    """What compose says instead of starting."""


def compose_file(environment: Mapping[str, str]) -> dict[str, Any]:
    document: dict[str, Any] = _filled(yaml.safe_load(FILE.read_text()), environment)
    return document


def needed_variables() -> set[str]:
    """Those without which nothing starts."""
    return {m["name"] for m in _VARIABLE.finditer(FILE.read_text()) if m["kind"] == "?"}


def _filled(node: Any, environment: Mapping[str, str]) -> Any:
    """Values, not text: what a variable brings never becomes YAML."""

    def value(match: re.Match[str]) -> str:
        found = environment.get(match["name"], "")
        if not found and match["kind"] == "?":
            raise NotSetError(f"{match['name']}: {match['rest']}")
        return found or (match["rest"] if match["kind"] == "-" else "")

    if isinstance(node, dict):
        return {key: _filled(inner, environment) for key, inner in node.items()}
    if isinstance(node, list):
        return [_filled(inner, environment) for inner in node]
    return _VARIABLE.sub(value, node) if isinstance(node, str) else node
