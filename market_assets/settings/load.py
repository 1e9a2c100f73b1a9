"""Find platform.yaml, lay the environment over it; one Settings or one clear message comes back."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from market_assets.errors import SettingsInvalid
from market_assets.settings.models import Settings
from market_assets.settings.problems import (
    KeyPath,
    Origins,
    Problem,
    describe,
    secret_problems,
    unknown_variable,
)
from market_assets.settings.secrets import PREFIX as SECRET_PREFIX
from market_assets.settings.variables import PREFIX, Variable, known_variables

CONFIG_VARIABLE = f"{PREFIX}CONFIG"
FILE_NAME = "platform.yaml"
DOING = "Reading the settings"
# How many problems are told at once: 300 lower-case symbols are one mistake, on 900 lines.
_TOLD = 10


def load_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of `path`, else of MARKET_ASSETS_CONFIG, else of ./platform.yaml, else of the
    repository this package lies in, else the defaults; the environment overrides single keys."""
    environ = os.environ if environ is None else environ
    file = _find(path, environ)
    data, lines = _read(file) if file else ({}, {})
    origins = Origins(file, lines)
    problems = secret_problems(data, origins)
    data = _overlay(data, environ, origins, problems)
    root = file.parent if file else Path.cwd()
    try:
        settings = Settings.model_validate(data, context={"root": root})
    except ValidationError as error:
        problems += describe(error, data, origins, told={problem.path for problem in problems})
    if problems:
        raise _invalid(problems, file)
    settings._file = file
    return settings


def _find(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    named = path or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    if named is not None:
        return named.expanduser().absolute()
    beside = (Path.cwd() / FILE_NAME, Path(__file__).parents[2] / FILE_NAME)
    return next((place for place in beside if place.exists()), None)


def _read(file: Path) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    import yaml

    from market_assets.settings.document import parse

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SettingsInvalid(
            DOING,
            f"{file} cannot be read: {reason}",
            f"Correct the path (argument, or {CONFIG_VARIABLE}), or make the file readable",
            file=str(file),
        ) from error
    try:
        return parse(text)
    except yaml.YAMLError as error:
        # the mark's own text would quote the line, and with it perhaps a secret
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = getattr(error, "problem", None) or "not a YAML document"
        raise SettingsInvalid(
            DOING,
            f"{file}{where}: {what}",
            "Correct the YAML: two spaces for each level, `key: value` on one line",
            file=str(file),
        ) from error


def _overlay(
    data: dict[str, Any], environ: Mapping[str, str], origins: Origins, problems: list[Problem]
) -> dict[str, Any]:
    data = copy.deepcopy(data)
    known = known_variables()
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name == CONFIG_VARIABLE or name.startswith(SECRET_PREFIX):
            continue
        variable = known.get(name)
        if variable is None:
            problems.append(unknown_variable(name, [*known, CONFIG_VARIABLE]))
            continue
        origins.variables[variable.path] = name
        _put(data, variable.path, _value(environ[name], variable))
    return data


def _put(data: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    *sections, key = path
    for section in sections:
        inner = data.get(section)
        if inner is None:
            inner = data[section] = {}
        if not isinstance(inner, dict):
            return  # the file holds something else than a section here: that is reported on its own
        data = inner
    data[key] = value


def _value(text: str, variable: Variable) -> object:
    text = text.strip()
    if variable.optional and text.lower() in {"", "null", "none"}:
        return None
    if variable.many:
        if text.startswith(("[", "{")):
            try:
                return json.loads(text)
            except ValueError:
                return text
        return [item.strip() for item in text.split(",") if item.strip()]
    return text


def _invalid(problems: list[Problem], file: Path | None) -> SettingsInvalid:
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    listed = "\n".join(f"  {n}. {problem}" for n, problem in enumerate(problems[:_TOLD], start=1))
    if len(problems) > _TOLD:
        listed += f"\n  ... and {len(problems) - _TOLD} more"
    return SettingsInvalid(
        DOING,
        f"{count}\n{listed}",
        "Correct these and start again; docs/reference/settings.md describes every key",
        file=str(file) if file else None,
        keys=tuple(".".join(map(str, problem.path)) for problem in problems),
    )
