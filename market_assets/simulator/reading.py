"""Strict reading of plain mappings into frozen dataclasses: an unknown key is an error."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NewType, TypeVar, Union

from market_assets.errors import SettingsInvalid

# A moment: milliseconds since 1970 as a number, or ISO-8601 text in a settings file.
Millis = NewType("Millis", int)

Section = TypeVar("Section")


def millis(text: str) -> Millis:
    """Milliseconds of ISO-8601 text; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return Millis(round(moment.timestamp() * 1000))


def read(kind: type[Section], given: object, where: str) -> Section:
    """A whole section; what is not given keeps its default."""
    fields = read_fields(kind, given, where)
    try:
        return kind(**fields)
    except TypeError as problem:
        raise invalid(where, str(problem)) from problem


def read_fields(kind: type[Any], given: object, where: str) -> dict[str, Any]:
    """Only the fields that were given, converted; for changes on top of an existing section."""
    if not isinstance(given, Mapping):
        raise invalid(where, f"is {type(given).__name__}, but a mapping is needed")
    hints = typing.get_type_hints(kind)
    known = {field.name for field in dataclasses.fields(kind)}
    unknown = sorted(str(key) for key in given if key not in known)
    if unknown:
        names = ", ".join(sorted(known))
        raise invalid(where, f"unknown keys {', '.join(unknown)}; known are {names}")
    return {key: _convert(hints[key], value, f"{where}.{key}") for key, value in given.items()}


def invalid(where: str, problem: str) -> SettingsInvalid:
    return SettingsInvalid(
        "reading the simulator's settings",
        f"{where}: {problem}",
        "correct this key; market_assets/simulator/config.py lists them all",
    )


def _convert(hint: Any, value: object, where: str) -> Any:
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        hint = next(argument for argument in arguments if argument is not type(None))
        return _convert(hint, value, where)
    if origin is tuple:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise invalid(where, "a list is needed")
        return tuple(
            _convert(arguments[0], item, f"{where}[{place}]") for place, item in enumerate(value)
        )
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise invalid(where, "a mapping is needed")
        return {
            str(key): _convert(arguments[1], item, f"{where}.{key}") for key, item in value.items()
        }
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return value if isinstance(value, hint) else read(hint, value, where)
    return _scalar(hint, value, where)


def _scalar(hint: Any, value: object, where: str) -> Any:
    if hint is Millis:
        if isinstance(value, str):
            try:
                return millis(value)
            except ValueError as problem:
                raise invalid(where, str(problem)) from problem
        hint = int
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is not bool and isinstance(value, bool)):
        raise invalid(where, f"{value!r} is not {hint.__name__}")
    return value
