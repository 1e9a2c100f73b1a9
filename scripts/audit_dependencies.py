"""Ask OSV whether a locked package has a known vulnerability: one request for a whole lock.

`python scripts/audit_dependencies.py requirements.lock`; a vulnerable package ends it with 1. OSV
knows what PyPI's own advisories (PYSEC) and GitHub's say: https://google.github.io/osv.dev/api/.
Where it can't be reached nothing was audited: that is said aloud, and with `--required` (for CI and
releases) it ends with 2.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OSV = "https://api.osv.dev"
TIMEOUT_SECONDS = 20
# Advisories that don't reach us: id -> why not, and who looked when. An entry is a reviewed change.
ACCEPTED: Mapping[str, str] = {}
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


class NotAudited(Exception):
    """Nobody could be asked, or the answer makes no sense."""


def pins(lock: str) -> list[tuple[str, str]]:
    """Name and version of every package of a lock."""
    return sorted(set(_PIN.findall(lock)))


def advisories(
    packages: list[tuple[str, str]], address: str = OSV
) -> dict[tuple[str, str], list[str]]:
    """The packages that have advisories, with their ids."""
    found: dict[tuple[str, str], list[str]] = {}
    asking = [(package, "") for package in packages]
    while asking:
        results = _ask(address, asking)
        following = []
        for (package, _), result in zip(asking, results, strict=True):
            ids = [str(told["id"]) for told in result.get("vulns", ())]
            if ids:
                found.setdefault(package, []).extend(ids)
            if token := result.get("next_page_token"):
                following.append((package, str(token)))
        asking = following
    return found


def _ask(address: str, asking: list[tuple[tuple[str, str], str]]) -> list[dict[str, Any]]:
    queries = [
        {"package": {"name": name, "ecosystem": "PyPI"}, "version": version}
        | ({"page_token": token} if token else {})
        for (name, version), token in asking
    ]
    request = urllib.request.Request(
        f"{address}/v1/querybatch",
        data=json.dumps({"queries": queries}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            results = json.load(answer)["results"]
    except OSError as error:
        raise NotAudited(f"{address} can't be reached: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise NotAudited(f"{address} gave an answer that can't be read: {error!r}") from error
    if len(results) != len(asking):
        raise NotAudited(f"{address} answered {len(results)} of {len(asking)} questions")
    return list(results)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("locks", nargs="+", type=Path)
    parser.add_argument("--required", action="store_true", help="Unreachable is a failure too")
    parser.add_argument("--address", default=OSV)
    given = parser.parse_args()
    packages = sorted({pin for lock in given.locks for pin in pins(lock.read_text("utf-8"))})
    named = " and ".join(str(lock) for lock in given.locks)
    if not packages:
        sys.stderr.write(f"NOT AUDITED: {named} pins no package. Is it a lock? Run make lock.\n")
        return 2
    try:
        found = advisories(packages, given.address)
    except NotAudited as problem:
        sys.stderr.write(
            f"NOT AUDITED: the {len(packages)} packages of {named} were not looked up.\n"
            f"{problem}\nRun it again where that address answers, before a release at the latest.\n"
        )
        return 2 if given.required else 0
    open_ones = {
        package: [name for name in names if name not in ACCEPTED]
        for package, names in found.items()
    }
    for (name, version), names in open_ones.items():
        for advisory in names:
            sys.stderr.write(f"{name} {version}: https://osv.dev/vulnerability/{advisory}\n")
    if any(open_ones.values()):
        sys.stderr.write("Raise the pin in pyproject.toml and run make lock, or accept it here.\n")
        return 1
    sys.stdout.write(f"{len(packages)} packages audited: no known vulnerability is open.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
