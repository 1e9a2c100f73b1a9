"""`python -m market_assets.marts.dbt_process FOLDER build ...`: dbt's command line, which builds
without writing what nobody reads.

dbt writes its manifest twice in each build, each time as JSON of megabytes: 1.5 s of CPU of the 8
that four small marts take (dbt 1.11.16, 2026-11-22). All that is asked of a build is what its nodes
did.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from market_assets.process_end import leave_memory_to_the_system

_IN_EVERY_COMMAND = ("dbt.cli.main", "dbt.compilation", "dbt.task.build", "pandas", "pyarrow")
_BUILDING = ("build", "run", "test")


def main(folder: str, arguments: Sequence[str]) -> int:
    """Run a command; the results of a build go to the folder. The exit status is as dbt's own."""
    # https://docs.getdbt.com/reference/programmatic-invocations
    from dbt.artifacts.schemas.run import RunExecutionResult
    from dbt.cli.exceptions import DbtUsageException
    from dbt.cli.main import dbtRunner

    leave_memory_to_the_system()
    building = arguments[0] in _BUILDING
    ended = dbtRunner().invoke([*(["--no-write-json"] if building else []), *arguments])
    if building and isinstance(ended.result, RunExecutionResult):
        ended.result.write(str(Path(folder) / "run_results.json"))
    if isinstance(ended.exception, DbtUsageException):
        sys.stdout.write(f"{ended.exception}\n")  # of everything else dbt has told by now
    return 0 if ended.success else 1 if ended.exception is None else 2


def warm_up() -> None:
    """Do what every command begins with, for forks of this process: 4 s of the 6 of a small one.

    Two thirds of it are dbt's modules, the rest what its adapter's connection imports, and the JSON
    schemas of the classes that dbt checks its settings with. DuckDB is not among it: importing it
    starts a thread, which a fork would not have but miss when it ends.
    """
    for module in _IN_EVERY_COMMAND:
        import_module(module)
    from dbt.contracts.project import Configuration, PackageConfig, Project, ProjectFlags

    for checked in (Configuration, Project, ProjectFlags, PackageConfig):
        checked.json_schema()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
