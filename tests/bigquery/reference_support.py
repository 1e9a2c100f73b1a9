"""Queries answered by Google's reference implementation of GoogleSQL, in the emulator's Python."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from emulator_support import PYTHON, EmulatedBigQuery

EVALUATOR = Path(__file__).parent / "googlesql" / "evaluate.py"


def answers(
    queries: Mapping[str, str],
    place: EmulatedBigQuery,
    rows_of: Callable[[str, str], pa.Table],
    folder: Path,
) -> dict[str, pa.Table]:
    """What each query answers over the rows of the tables that it names."""
    named = re.compile(rf"`{place.project}`\.`{place.prefix}(\w+?)`\.`(\w+)`")
    told = {}
    for name, sql in queries.items():
        tables = {}
        for schema, table in sorted(set(named.findall(sql))):
            file = f"{schema}.{table}.parquet"
            if not (folder / file).exists():
                pq.write_table(rows_of(schema, table), folder / file)
            tables[f"{place.project}.{place.prefix}{schema}.{table}"] = file
        told[name] = {"sql": sql, "tables": tables}
    (folder / "queries.json").write_text(json.dumps(told))
    asked = subprocess.run(
        [str(PYTHON), str(EVALUATOR), str(folder)], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        raise RuntimeError(f"the reference implementation did not answer:\n{asked.stderr}")
    return {name: pq.read_table(folder / f"{name}.answer.parquet") for name in queries}
