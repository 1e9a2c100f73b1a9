"""dbt for a run: dagster-dbt's command line without what each run would pay for and not use."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_dbt import DbtCliResource

if TYPE_CHECKING:
    from packaging.version import Version

    from market_assets.marts.project import Project


class LeanDbt(DbtCliResource):
    """Asks no second dbt for its version and opens no second connection: 4 s of CPU a run."""

    @property
    def _cli_version(self) -> Version:
        from packaging.version import parse

        return parse(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Any) -> Any:  # noqa: ARG002
        # Only `fetch_row_counts` and `fetch_column_metadata` would ask it.
        return None


@contextmanager
def run_folder(project: Project, run_id: str) -> Iterator[Path]:
    """A target folder of this run, with the parsed project in it; it goes when the run ends well.

    What a failed run compiled and logged stays, for whoever looks for the reason.
    """
    folder = project.target / "runs" / run_id
    folder.mkdir(parents=True, exist_ok=True)
    parsed = project.target / "partial_parse.msgpack"
    if parsed.exists():
        shutil.copy(parsed, folder)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
