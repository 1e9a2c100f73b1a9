"""Secrets: read from MARKET_ASSETS_SECRET_* only, never from a file, never shown."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from market_assets.errors import SettingsInvalid

PREFIX = "MARKET_ASSETS_SECRET_"
LOOKS_SECRET = re.compile(
    r"secret|passw|token|api_?key|access_?key|private_?key|credential|webhook|(^|_)pwd($|_)",
    re.IGNORECASE,
)


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The same environment, for a process that needs none."""
    return {name: value for name, value in environment.items() if not name.startswith(PREFIX)}


class Secrets(Mapping[str, str]):
    """Secrets by lower-case name. Shows which there are, never what they are."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(f'{name}=***' for name in sorted(self._values))})"

    def __reduce__(self) -> str:
        # whatever pickles this would write the values somewhere
        raise TypeError(
            "Secrets are not pickled: call load_secrets() in the process that needs them"
        )

    def require(self, name: str, *, doing: str) -> str:
        """The secret, or an error that names the variable to set."""
        if name not in self._values:
            raise SettingsInvalid(
                doing,
                f"the secret {name} is not set",
                f"Set the environment variable {variable_for((name,))}",
                secret=name,
            )
        return self._values[name]


def load_secrets(environ: Mapping[str, str] | None = None) -> Secrets:
    """An empty variable counts as not set: that is how compose files pass on what is absent."""
    environ = os.environ if environ is None else environ
    return Secrets(
        {
            name.removeprefix(PREFIX).lower(): value
            for name, value in environ.items()
            if name.startswith(PREFIX) and value
        }
    )


def variable_for(path: tuple[str, ...]) -> str:
    """The variable for a secret that was found at this key of a file."""
    parts = [
        re.sub(r"\W", "_", part).upper()
        for part in path
        if part.lower() not in {"secret", "secrets"}
    ]
    return PREFIX + "_".join(parts or ["NAME"])
