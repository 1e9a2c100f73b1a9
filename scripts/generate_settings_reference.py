"""Write docs/reference/settings.md from the settings; `--check` only says whether it is stale."""

from __future__ import annotations

import json
import sys
from datetime import date

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from reference_page import publish

from market_assets.settings import Settings
from market_assets.settings.problems import KeyPath
from market_assets.settings.variables import allowed, item_section, known_variables, section_at

DEFAULTS = Settings.model_validate({})
HEAD = """# Settings

<!-- Made by `make docs-reference` from market_assets/settings/models.py. Do not edit. -->

Every key has a default: an absent or empty `platform.yaml` works.
The file is the one of `MARKET_ASSETS_CONFIG`, else `platform.yaml` in the current folder,
else the one of the repository. Relative paths belong to the file's folder.
A variable overrides its key; lists are `BTCUSDT,ETHUSDT` or JSON; `null` is an empty variable.
An unknown key or variable is an error.

Secrets are read from `MARKET_ASSETS_SECRET_<NAME>` only, never from the file.
"""


def render() -> str:
    sections: dict[KeyPath, list[str]] = {}
    for variable in known_variables().values():
        row = _row(variable.path, variable.field, f"`{variable.name}`")
        sections.setdefault(variable.path[:-1], []).append(row)
    parts = [HEAD]
    for variable in known_variables().values():
        if items := item_section(variable.field):
            sections[*variable.path, 0] = [
                _row((*variable.path, 0, key), field, "")
                for key, field in items.model_fields.items()
            ]
    for path in sorted(sections, key=lambda path: (path != (), str(path))):
        title = ".".join(str(part) for part in path).replace(".0", "[]") or "At the top"
        section = section_at(path)
        lead = f"{section.__doc__}\n\n" if path and section else ""
        table = (
            "| key | meaning | allowed | default | variable |\n| --- | --- | --- | --- | --- |\n"
        )
        parts.append(f"\n## {title}\n\n{lead}{table}" + "\n".join(sections[path]) + "\n")
    return "".join(parts)


def _row(path: KeyPath, field: FieldInfo, variable: str) -> str:
    cells = (
        f"`{path[-1]}`",
        str(field.description),
        allowed(field),
        _default(path, field),
        variable,
    )
    return f"| {' | '.join(cells)} |"


def _default(path: KeyPath, field: FieldInfo) -> str:
    if field.is_required() and path[0] != "venues":
        return "needed"
    value = field.default
    if path[0] == "venues" and len(path) == 3:
        value = getattr(DEFAULTS.venues[path[1]], str(path[2]))  # type: ignore[index]
    if field.default_factory is not None:
        made = field.get_default(call_default_factory=True)
        plain = {
            name: part.model_dump() if isinstance(part, BaseModel) else part
            for name, part in made.items()
        }
        return f"`{json.dumps(plain)}`"
    if value is None:
        return "null"
    if value == "":
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{', '.join(value)}`" if value else "none"
    return f"`{value.isoformat() if isinstance(value, date) else value}`"


def main() -> int:
    return publish("reference/settings.md", render())


if __name__ == "__main__":
    sys.exit(main())
