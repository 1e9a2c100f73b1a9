"""Who pays for a statement: told by a context, so that no call has to hand it on.

with charged_to(asset="raw.binance_ohlcv", run_id=run_id):
    ...  # every statement in here, also in threads that asyncio starts, is charged to it
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from market_assets.warehouse.estimate import Statement


@dataclass(frozen=True, slots=True)
class Payer:
    """What is empty is told by the statement itself."""

    label: str = ""
    asset: str = ""
    run_id: str = ""


_NOBODY = Payer()
_PAYER: ContextVar[Payer] = ContextVar("payer", default=_NOBODY)


@contextmanager
def charged_to(*, label: str = "", asset: str = "", run_id: str = "") -> Iterator[None]:
    """Charge what is issued inside; what is left out stays as it was outside."""
    before = _PAYER.get()
    _PAYER.set(
        Payer(label or before.label, asset or before.asset, run_id or before.run_id),
    )
    try:
        yield
    finally:
        # Not by the token: Dagster may end a generator in another context than it began it in.
        _PAYER.set(before)


def charged(statement: Statement) -> Statement:
    """The statement with what the context says of it."""
    payer = _PAYER.get()
    return replace(
        statement,
        label=payer.label or statement.label,
        asset=payer.asset or statement.asset,
        run_id=payer.run_id or statement.run_id,
    )


class Metered(Protocol):
    """A store that keeps what its statements cost."""

    def note(self, statements: Iterable[Statement]) -> None: ...


S = TypeVar("S", bound=Metered)
P = ParamSpec("P")
T = TypeVar("T")


def metered(
    issued: Callable[..., Iterable[Statement]],
) -> Callable[[Callable[Concatenate[S, P], T]], Callable[Concatenate[S, P], T]]:
    """Note the statements that a method is, once it has succeeded.

    `issued` gets the method's arguments; those that can be read only once it must leave alone.
    """

    def decorate(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
        @functools.wraps(method)
        def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
            found = method(self, *args, **kwargs)
            self.note(issued(*args, **kwargs))
            return found

        return call

    return decorate
