"""A run of the command line in a process that is born with everything imported, to be killed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path


def run(environment: Mapping[str, str], arguments: Sequence[str]) -> None:
    """`market-assets` with these arguments; nobody reads what it says."""
    from market_assets.cli import main

    os.environ.update(environment)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    main(list(arguments))
