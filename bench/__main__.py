"""`make bench`, or `python -m bench NAME ...` for some of them."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import bench

# The parts that others run, and what they share.
_PARTS = {"bare", "ours", "measure", "__main__"}


def names() -> list[str]:
    return sorted(
        module.name
        for module in pkgutil.iter_modules(bench.__path__)
        if module.name not in _PARTS and not module.name.startswith("_")
    )


def main() -> None:
    asked = sys.argv[1:] or names()
    unknown = set(asked) - set(names())
    if unknown:
        raise SystemExit(f"No benchmark {', '.join(unknown)}; there are {', '.join(names())}")
    for name in asked:
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
