"""Hold the licences of what the image ships against what may be shipped with an Apache-2.0 project.

`python scripts/check_licences.py deploy/requirements.lock` reads the metadata of the installed
packages that the lock names. Tools of development are run and never shipped: theirs don't matter.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

# SPDX names and what older metadata write instead. MPL and LGPL bind changes to those packages
# themselves, and we ship them unchanged.
ALLOWED = re.compile(
    r"\b(MIT(-0|-CMU)?|0?BSD(-[23]-Clause)?|Apache|ISC|PSF|Python|Zlib|CC0|Unlicense|HPND|MPL"
    r"|Mozilla Public|LGPL|Lesser General Public|Artistic|Public Domain|ASL 2)",
    re.IGNORECASE,
)
# Packages whose metadata say nothing: looked up where it is written.
DECIDED: Mapping[str, str] = {}
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==", re.MULTILINE)


def licence_of(package: Distribution) -> list[str]:
    """Ways in which it may be taken: each is one licence, or several that all bind."""
    metadata = package.metadata
    if expression := metadata.get("License-Expression"):
        return [*re.split(r"\s+OR\s+", expression.replace("(", "").replace(")", ""))]
    classified = [
        line.rsplit(" :: ", 1)[-1]
        for line in metadata.get_all("Classifier") or ()
        if line.startswith("License :: ") and line != "License :: OSI Approved"
    ]
    if classified:
        return classified
    lines = (metadata.get("License") or "").strip().splitlines()
    return lines[:1]


def may_ship(ways: list[str]) -> bool:
    return any(all(ALLOWED.search(part) for part in re.split(r"\s+AND\s+", way)) for way in ways)


def main() -> int:
    names = sorted({name for lock in sys.argv[1:] for name in _PIN.findall(Path(lock).read_text())})
    if not names:
        sys.stderr.write("Name a lock that pins packages: deploy/requirements.lock\n")
        return 2
    absent, wrong = [], []
    for name in names:
        try:
            ways = licence_of(distribution(name))
        except PackageNotFoundError:
            absent.append(name)
            continue
        if name not in DECIDED and not may_ship(ways):
            wrong.append(f"{name}: {' or '.join(ways) or 'its metadata name no licence'}")
    if wrong:
        sys.stderr.write("\n".join(wrong) + "\nThese can't be shipped as they are: replace them,")
        sys.stderr.write(" or look the licence up and decide in scripts/check_licences.py\n")
        return 1
    sys.stdout.write(f"The licences of {len(names) - len(absent)} shipped packages allow it.\n")
    if absent:
        sys.stdout.write(f"Not installed here, so not looked at: {', '.join(absent)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
