"""What a venue answers, before faults and the network get at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

JSON: Final = "application/json"
HTML: Final = "text/html"

Params = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, not yet joined: the faults work on them one by one."""

    rows: list[bytes]
    head: bytes = b"["
    tail: bytes = b"]"

    def answer(self) -> Answer:
        return Answer(200, self.head + b",".join(self.rows) + self.tail)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path of a venue: what it costs and who answers."""

    kind: str  # klines, candles, funding, instruments or time: what `fault_paths` chooses by
    respond: Callable[[Params, int], Answer | Page]
    weight: Callable[[Params], int] = lambda _: 1
    funding_bucket: bool = False
    per_two_seconds: int = 0  # OKX
    counted_as: str = ""  # OKX: the name of its count
    counted_by: str | None = None  # OKX: the parameter each value of which has its own count


class Refused(Exception):
    """The venue does not answer this request; carries what it says instead."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status, answer.body)
        self.answer = answer


def json_answer(content: object, status: int = 200) -> Answer:
    return Answer(status, orjson.dumps(content))
