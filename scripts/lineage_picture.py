"""The assets by group and what is made from what, drawn from Dagster's definitions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import dagster as dg
from drawing import PAD, Box, arrow, drawing, height_of

_WIDTH = 208
_ACROSS = 72
_DOWN = 16
Groups = Mapping[str, frozenset[str]]


def lineage(repository: dg.RepositoryDefinition) -> str:
    """Groups from left to right, each with its assets, and the arrows that no other way tells."""
    graph = repository.asset_graph
    assets: dict[str, list[str]] = defaultdict(list)
    above: dict[str, set[str]] = defaultdict(set)
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        assets[node.group_name].append(key.path[-1])
        groups = {graph.get(parent).group_name for parent in node.parent_keys}
        above[node.group_name] |= groups - {node.group_name}
    direct = without_detours({group: frozenset(above[group]) for group in assets})
    depth = {group: _depth(direct, group) for group in assets}
    paths = [
        (one, *(f"{one}>{column}" for column in range(depth[one] + 1, depth[group])), group)
        for group in sorted(direct)
        for one in sorted(direct[group])
    ]
    lanes = {name: int(name.split(">")[1]) for path in paths for name in path[1:-1]}
    boxes = _placed(assets, depth, lanes)
    arrows = [arrow([boxes[name] for name in path]) for path in paths]
    width = max(box.x + box.width for box in boxes.values()) + PAD
    height = max(box.y + box.height for box in boxes.values()) + PAD
    drawn = [box.svg() for name, box in boxes.items() if name not in lanes]
    return drawing("What is made from what, by group of assets", width, height, [*arrows, *drawn])


def without_detours(above: Groups) -> Groups:
    """Each group's direct sources, less those that it also has through another one."""
    return {
        group: frozenset(
            one
            for one in sources
            if not any(one in _all_above(above, other) for other in sources - {one})
        )
        for group, sources in above.items()
    }


def _all_above(above: Groups, group: str) -> frozenset[str]:
    return above[group].union(*(_all_above(above, one) for one in above[group]))


def _depth(above: Groups, group: str) -> int:
    return max((_depth(above, one) + 1 for one in above[group]), default=0)


def _placed(
    assets: Mapping[str, list[str]], depth: Mapping[str, int], lanes: Mapping[str, int]
) -> dict[str, Box]:
    """Columns of boxes; below them lanes for the arrows that go past a column."""
    columns: dict[int, list[str]] = defaultdict(list)
    for name, column in [*sorted(depth.items()), *sorted(lanes.items())]:
        columns[column].append(name)
    heights = {name: height_of(len(found)) for name, found in assets.items()}
    heights |= dict.fromkeys(lanes, 0)
    tall = max(sum(heights[one] + _DOWN for one in names) for names in columns.values()) - _DOWN
    boxes = {}
    for column, names in sorted(columns.items()):
        y = PAD + (tall - sum(heights[one] + _DOWN for one in names) + _DOWN) // 2
        for name in names:
            x = PAD + column * (_WIDTH + _ACROSS)
            boxes[name] = Box(name, tuple(assets.get(name, ())), x, y, _WIDTH, heights[name])
            y += heights[name] + _DOWN
    return boxes
