"""YAML as platform.yaml needs it: days stay text, repeated keys fail, lines are known."""

from __future__ import annotations

import re
from typing import Any

import yaml

from market_assets.settings.problems import KeyPath


class _Loader(yaml.SafeLoader):
    """Scalars of YAML 1.2: PyYAML reads `off` as false, 22:00 as 1320, and makes dates itself."""


_NOT_AS_IN_1_1 = {f"tag:yaml.org,2002:{kind}" for kind in ("timestamp", "bool", "int", "float")}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag not in _NOT_AS_IN_1_1]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), list(_first)
    )


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
