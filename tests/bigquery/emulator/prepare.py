"""Run once after the install, by the emulator's own Python: what each start would pay otherwise.

DuckDB's extensions are copied from their wheels into the home folder that the emulator is given,
for it cannot download them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

EXTENSIONS = ("icu", "ducklake")


def main() -> None:
    home = Path(sys.argv[1]).resolve() / "home"
    home.mkdir(exist_ok=True)
    os.environ["HOME"] = str(home)

    import duckdb
    from duckdb_extensions import import_extension

    connection = duckdb.connect()
    for extension in EXTENSIONS:
        import_extension(extension, con=connection)
        connection.load_extension(extension)


if __name__ == "__main__":
    main()
