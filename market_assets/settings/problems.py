"""From pydantic's errors to lines that say where, what, what is allowed, and the fix."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from market_assets.settings.secrets import LOOKS_SECRET, variable_for
from market_assets.settings.section import VENUE_NAMES
from market_assets.settings.variables import allowed, field_at, section_at

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One mistake. `shown` is the value as written, None when it must not or cannot be shown."""

    path: KeyPath
    where: str
    what: str
    fix: str
    allowed: str | None = None
    shown: str | None = None

    def __str__(self) -> str:
        value = f" = {self.shown}" if self.shown is not None else ""
        may = f"; allowed: {self.allowed}" if self.allowed else ""
        return (
            f"{self.where}: {dotted(self.path)}{value}\n     {self.what}{may}\n     fix: {self.fix}"
        )


@dataclass
class Origins:
    """Where each value came from: a line of the file, or a variable."""

    file: Path | None
    lines: Mapping[KeyPath, int]
    variables: dict[KeyPath, str] = field(default_factory=dict)

    def of(self, path: KeyPath) -> str:
        for end in range(len(path), 0, -1):
            if path[:end] in self.variables:
                return f"environment variable {self.variables[path[:end]]}"
            if path[:end] in self.lines:
                return f"{self.file}, line {self.lines[path[:end]]}"
        return str(self.file or "the defaults")


def dotted(path: KeyPath) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(name: str, known: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(name, list(known), n=1, cutoff=0.6)), None)


def secret_problems(data: Mapping[str, Any], origins: Origins, path: KeyPath = ()) -> list[Problem]:
    """Unknown keys that look like a secret: their values are never shown."""
    found: list[Problem] = []
    for key, value in data.items():
        here = (*path, str(key))
        if LOOKS_SECRET.search(str(key)) and field_at(here) is None:
            leaves = list(_leaves(value, here))
            names = ", ".join(variable_for(tuple(map(str, leaf))) for leaf in leaves)
            found.append(
                Problem(
                    here,
                    origins.of(here),
                    "secrets are read from the environment only, never from a file",
                    f"remove it here and set {names}; change the secret if the file was shared",
                )
            )
        elif isinstance(value, Mapping):
            found += secret_problems(value, origins, here)
    return found


def _leaves(value: object, path: KeyPath) -> Iterable[KeyPath]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    else:
        yield path


def unknown_variable(name: str, known: Iterable[str]) -> Problem:
    known = list(known)
    if any(variable.startswith(f"{name}__") for variable in known):
        return Problem(
            (name,),
            "environment",
            "a section has no variable of its own",
            f"name a key below it: {name}__...; docs/reference/settings.md has them all",
        )
    near = nearest(name, known)
    return Problem(
        (name,),
        "environment",
        "no such variable",
        f"write {near}, or unset it" if near else f"unset it: unset {name}",
        "the variables of docs/reference/settings.md, and MARKET_ASSETS_SECRET_*",
    )


def describe(
    error: ValidationError, data: Mapping[str, Any], origins: Origins, *, told: set[KeyPath]
) -> list[Problem]:
    problems = []
    details = error.errors(include_url=False)
    items = {detail["loc"][:-1] for detail in details if isinstance(detail["loc"][-1], int)}
    for detail in details:
        if detail["type"] == "too_short" and detail["loc"] in items:
            continue  # pydantic counts only good items: the bad ones are told already
        path = tuple(part for part in detail["loc"] if part != "[key]")
        unknown_venue = path[:1] == ("venues",) and len(path) > 1 and path[1] not in VENUE_NAMES
        if unknown_venue and "[key]" not in detail["loc"]:
            continue  # what stands under a venue that does not exist is not a mistake of its own
        if any(path[: len(other)] == other for other in told):
            continue
        problems.append(_problem(detail, path, data, origins))
    return problems


def _problem(
    detail: ErrorDetails, path: KeyPath, data: Mapping[str, Any], origins: Origins
) -> Problem:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind.startswith("key:"):  # a rule of a section that blames one of its keys
        path = (*path, *kind.removeprefix("key:").split("."))
    where = origins.of(path)
    if kind == "extra_forbidden":
        return _unknown_key(path, where)
    if "[key]" in detail["loc"] and path[0] == "venues":
        near = nearest(str(path[-1]).lower(), VENUE_NAMES)
        fix = f"write venues.{near}" if near else "remove it, or write one of the venues there are"
        return Problem(path, where, "no such venue", fix, ", ".join(VENUE_NAMES))
    field_info = field_at(path)
    shown = _shown(data, path, field_info, carries_at="@" in str(detail["input"]))
    if section_at(path) is not None or path == ("venues",):
        return Problem(path, where, "a section is needed here", "write its keys below it, indented")
    may = context.get("allowed") or (allowed(field_info) if field_info else None)
    if may and isinstance(path[-1], int):
        may = may.removeprefix("at least one of: ")
    what = _what(detail)
    fix = context.get("fix") or _fix(detail, may, field_info)
    return Problem(path, where, what, fix, may, shown)


def _unknown_key(path: KeyPath, where: str) -> Problem:
    section = section_at(path[:-1])
    known = list(section.model_fields) if section else []
    near = nearest(str(path[-1]), known)
    fix = f"write {dotted((*path[:-1], near))}" if near else "remove it"
    return Problem(path, where, "no such key", fix, ", ".join(known))


def _what(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind in {
        "greater_than",
        "greater_than_equal",
        "less_than",
        "less_than_equal",
        "finite_number",
    }:
        return "out of range"
    if kind == "too_short":
        return "nothing is listed"
    if kind == "missing":
        return "it is needed"
    if kind == "literal_error":
        return "no such choice"
    if kind.startswith("key:") or kind == "refused":
        return detail["msg"]
    return "of the wrong type"


def _fix(detail: ErrorDetails, may: str | None, info: object) -> str:
    given = str(detail["input"])
    if detail["type"] == "literal_error":
        choices = [
            choice.strip(" '")
            for choice in detail["ctx"]["expected"].replace(" or ", ", ").split(",")
        ]
        near = _of_same_length(given, choices) or nearest(given.lower(), choices)
        return f"write {near}" if near else f"write one of {', '.join(choices)}"
    limit = next(
        (detail.get("ctx", {})[k] for k in ("ge", "le") if k in detail.get("ctx", {})), None
    )
    if limit is not None:
        return f"write {limit}, or another value in the range"
    default = getattr(info, "default", None)
    if isinstance(default, tuple) and isinstance(detail["loc"][-1], int):
        return f"write it as in {default[0]}" if default else f"write {may}"
    if isinstance(default, tuple):
        return f"write a list, as in [{', '.join(default)}]"
    return f"write {may}" + (
        f", as in {str(default).lower() if isinstance(default, bool) else default}"
        if default is not None and isinstance(default, int | float | str)
        else ""
    )


def _of_same_length(given: str, choices: Iterable[str]) -> str | None:
    """60m is 1h and not nearly 30m."""
    minutes = _minutes(given)
    return next((c for c in choices if minutes is not None and _minutes(c) == minutes), None)


def _minutes(interval: str) -> int | None:
    parts = re.fullmatch(r"(\d{1,4})([mhd])", interval.strip().lower())
    return int(parts[1]) * {"m": 1, "h": 60, "d": 1440}[parts[2]] if parts else None


def _may_be_secret(written: str, path: KeyPath, info: object) -> bool:
    """Where only the name of a secret belongs, people put the secret, whole or in pieces."""
    return path[:2] == ("alerts", "channels") or (
        "://" in written and "check_url" not in repr(info)
    )


def _shown(data: object, path: KeyPath, info: object, *, carries_at: bool) -> str | None:
    """The value as it was written, before pydantic and defaults touched it."""
    for part in path:
        if isinstance(data, list):
            data = dict(enumerate(data))
        if not isinstance(data, Mapping) or part not in data:
            return None
        data = data[part]
    if carries_at:
        return "*** (not shown: it carries an @)"
    written = repr(data)
    if _may_be_secret(written, path, info):
        return "*** (not shown: it may be a secret)"
    return written if len(written) <= 80 else f"{written[:77]}..."
