"""Every key that can be set, with its environment variable and its range in words."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo

from market_assets.settings.models import Settings, VenueSettings
from market_assets.settings.rules import (
    DAY_ALLOWED,
    SYMBOL_ALLOWED,
    TIME_ALLOWED,
    URL_ALLOWED,
)
from market_assets.settings.section import VENUE_NAMES, Section

PREFIX = "MARKET_ASSETS_"


@dataclass(frozen=True)
class Variable:
    """One key: where it is, and what may stand there."""

    name: str
    path: tuple[str, ...]
    field: FieldInfo
    many: bool
    optional: bool


def known_variables() -> dict[str, Variable]:
    return {variable.name: variable for variable in _walk(Settings, ())}


def _walk(section: type[Section], path: tuple[str, ...]) -> Iterator[Variable]:
    for key, field in section.model_fields.items():
        here = (*path, key)
        kind = field.annotation
        if key == "venues" and section is Settings:
            for venue in VENUE_NAMES:
                yield from _walk(VenueSettings, (*here, venue))
        elif isinstance(kind, type) and issubclass(kind, Section):
            yield from _walk(kind, here)
        else:
            yield Variable(
                PREFIX + "__".join(here).upper(),
                here,
                field,
                many=get_origin(kind) in (tuple, dict),
                optional=type(None) in get_args(kind),
            )


def section_at(path: tuple[str | int, ...]) -> type[Section] | None:
    """The section at a key, None when a value is there."""
    if path[:1] == ("venues",):
        return VenueSettings if len(path) == 2 else None
    section: type[Section] = Settings
    items: type[Section] | None = None  # of the list that a number may point into
    for part in path:
        if isinstance(part, int):
            if items is None:
                return None
            section, items = items, None
            continue
        field = section.model_fields.get(part)
        if items is not None or field is None:
            return None
        kind, items = field.annotation, item_section(field)
        if isinstance(kind, type) and issubclass(kind, Section):
            section = kind
        elif items is None:
            return None
    return None if items is not None else section


def item_section(field: FieldInfo) -> type[Section] | None:
    """What each item of a list of sections is."""
    kind = field.annotation
    item = get_args(kind)[0] if get_origin(kind) is tuple and get_args(kind) else None
    return item if isinstance(item, type) and issubclass(item, Section) else None


def field_at(path: tuple[str | int, ...]) -> FieldInfo | None:
    while path and isinstance(path[-1], int):  # an item of a list of values
        path = path[:-1]
    section = section_at(path[:-1]) if path else None
    return section.model_fields.get(str(path[-1])) if section else None


def allowed(field: FieldInfo) -> str:
    """What may stand at a key, in words."""
    words = _kind(field)
    low = next((f"{m.ge:,}" for m in field.metadata if isinstance(m, Ge)), None)
    above = next((f"{m.gt:,}" for m in field.metadata if isinstance(m, Gt)), None)
    high = next((f"{m.le:,}" for m in field.metadata if isinstance(m, Le)), None)
    if low is not None and high is not None:
        words += f" from {low} to {high}"
    elif above is not None and high is not None:
        words += f" above {above}, up to {high}"
    return f"{words}, or null" if type(None) in get_args(field.annotation) else words


def _kind(field: FieldInfo) -> str:
    text = str(field.annotation) + str(field.metadata)
    if "check_day" in text:
        return DAY_ALLOWED
    if "check_url" in text:
        return URL_ALLOWED
    if "check_symbol" in text:
        return f"at least one of: {SYMBOL_ALLOWED}"
    kind: Any = field.annotation
    if get_origin(kind) is dict:
        return "names with their settings (as JSON in a variable)"
    if items := item_section(field):
        return f"a list, each item with {', '.join(items.model_fields)} (as JSON in a variable)"
    if get_origin(kind) is tuple and get_origin(get_args(kind)[0]) is Literal:
        return f"at least one of: {', '.join(get_args(get_args(kind)[0]))}"
    if get_origin(kind) is tuple:
        return "a list of names"
    if get_origin(kind) in {Union, types.UnionType}:
        kind = next(arg for arg in get_args(kind) if arg is not type(None))
    if get_origin(kind) is Literal:
        return " or ".join(get_args(kind))
    names = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        date: DAY_ALLOWED,
        time: TIME_ALLOWED,
        Path: "a path",
    }
    return names.get(kind, "text")
