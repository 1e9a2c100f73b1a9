"""Every key that can be set, with its environment variable and its range in words."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo

from market_assets.settings.models import Settings, VenueSettings
from market_assets.settings.rules import DAY_ALLOWED, SYMBOL_ALLOWED, URL_ALLOWED
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
    for part in path:
        kind = section.model_fields[str(part)].annotation if part in section.model_fields else None
        if not (isinstance(kind, type) and issubclass(kind, Section)):
            return None
        section = kind
    return section


def field_at(path: tuple[str | int, ...]) -> FieldInfo | None:
    parts = tuple(part for part in path if isinstance(part, str))
    section = section_at(parts[:-1]) if parts else None
    return section.model_fields.get(parts[-1]) if section else None


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
    if get_origin(kind) is tuple:
        return f"at least one of: {', '.join(get_args(get_args(kind)[0]))}"
    if get_origin(kind) in {Union, types.UnionType}:
        kind = next(arg for arg in get_args(kind) if arg is not type(None))
    if get_origin(kind) is Literal:
        return " or ".join(get_args(kind))
    names = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        date: DAY_ALLOWED,
        Path: "a path",
    }
    return names.get(kind, "text")
