"""A bounded memory of computed blocks: the least recently used go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Block = TypeVar("Block")


class BlockCache(Generic[Block]):
    """Bounded by the sum of the blocks' costs (rows), not by their number."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._used = 0
        self._blocks: OrderedDict[Hashable, tuple[Block, int]] = OrderedDict()

    def get(self, key: Hashable) -> Block | None:
        found = self._blocks.get(key)
        if found is None:
            return None
        self._blocks.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, block: Block, cost: int) -> Block:
        self._blocks[key] = (block, cost)
        self._used += cost
        while self._used > self._capacity and len(self._blocks) > 1:
            _, (_, freed) = self._blocks.popitem(last=False)
            self._used -= freed
        return block

    def clear(self) -> None:
        self._blocks.clear()
        self._used = 0
