"""YAML as platform.yaml needs it: days stay text, repeated keys fail, lines are known."""

from __future__ import annotations

from typing import Any

import yaml

from market_assets.settings.problems import KeyPath


class _Loader(yaml.SafeLoader):
    """PyYAML builds dates itself and fails without naming the key; pydantic names it."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse(text: str) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """The document, and the line of each key. Raises yaml.YAMLError with its place."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return {}, {}
        lines: dict[KeyPath, int] = {}
        _remember(node, (), lines)
        data = loader.construct_document(node)
        if data is None:
            return {}, {}
        if not isinstance(data, dict):
            raise yaml.MarkedYAMLError(
                problem="sections such as `venues:` are needed here", problem_mark=node.start_mark
            )
        return data, lines
    finally:
        loader.dispose()


def _remember(node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            if here in lines:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value} is there twice", problem_mark=key.start_mark
                )
            lines[here] = key.start_mark.line + 1
            _remember(value, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[*path, index] = value.start_mark.line + 1
            _remember(value, (*path, index), lines)
