"""Do the stored rows still obey the canonical schema? Where not, pandera's answer, row by row.

The ingest lets no other rows in, so a failure means that something else wrote, that a rule became
stricter, or that the store is damaged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from market_assets.quality.verdicts import SAMPLED
from market_assets.schemas import arrow
from market_assets.schemas.datasets import Dataset
from market_assets.schemas.frames import pandera_schema
from market_assets.schemas.timeline import to_ms
from market_assets.schemas.validation import validate

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Rows by (symbol, interval, moment) that a person let in, with the rules that they may break.
Accepted = Mapping[tuple[str, str, int], Collection[str]]


@dataclass(frozen=True, slots=True)
class SchemaFailures:
    """How many rows break the schema, by reason, and the first of them."""

    rows: int
    reasons: Mapping[str, int]
    sample: tuple[Mapping[str, Any], ...]
    # The times of those that have one, in milliseconds.
    moments: tuple[int, ...] = ()


def schema_failures(
    dataset: Dataset, table: pa.Table, accepted: Callable[[], Accepted] = dict
) -> SchemaFailures:
    """Every row of the table that breaks a rule of its dataset, but for what a person let in.

    pandera is asked only where the ingest's own validator, which has the same columns and rules,
    finds something: 60 ms of CPU for each of the tables that are as they should be, and the import
    of pandas, to hear the same.
    """
    if _obeys(dataset, table):
        return SchemaFailures(0, {}, ())
    import pandera.pandas as pandera

    frame = table.to_pandas()
    try:
        pandera_schema(dataset).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        return _told(frame, errors.failure_cases, accepted())
    return SchemaFailures(0, {}, ())


def _obeys(dataset: Dataset, table: pa.Table) -> bool:
    if not table.schema.equals(dataset.arrow_schema(), check_metadata=False):
        return False
    return not _has_nan(dataset, table) and not validate(dataset, table).bad


def _has_nan(dataset: Dataset, table: pa.Table) -> bool:
    """Where a number must be told: to pandas NaN is no value, to the validator it is one."""
    import numpy as np

    return any(
        bool(np.isnan(arrow.numbers(table.column(column.name))).any())
        for column in dataset.columns
        if column.kind == "float" and not column.nullable
    )


def _told(frame: pd.DataFrame, cases: pd.DataFrame, accepted: Accepted) -> SchemaFailures:
    import pandas as pd

    of_row: dict[int, set[str]] = {}
    of_table: Counter[str] = Counter()
    for check, index in zip(cases["check"], cases["index"], strict=True):
        reason = str(check).partition(":")[0]
        if pd.isna(index):  # a missing or unknown column has no row
            of_table[reason] += 1
        else:
            of_row.setdefault(int(index), set()).add(reason)
    for index in list(of_row):
        left = of_row[index].difference(accepted.get(_key(frame, index), ()))
        if left:
            of_row[index] = left
        else:
            del of_row[index]
    reasons = Counter(reason for broken in of_row.values() for reason in broken) + of_table
    sample = tuple(
        {
            "reasons": ",".join(sorted(of_row[index])),
            **{name: _plain(value) for name, value in frame.loc[index].items()},
        }
        for index in sorted(of_row)[:SAMPLED]
    )
    moments = tuple(filter(None, (_key(frame, index)[2] for index in of_row)))
    return SchemaFailures(len(of_row) + sum(of_table.values()), dict(reasons), sample, moments)


def _key(frame: pd.DataFrame, index: int) -> tuple[str, str, int]:
    import pandas as pd

    row = frame.loc[index]
    moment = row.get("timestamp")
    return (
        str(row["symbol"]),
        str(row.get("interval", "")),
        0 if pd.isna(moment) else to_ms(moment.to_pydatetime()),
    )


def _plain(value: Any) -> Any:
    """A value as JSON knows it."""
    import pandas as pd

    if pd.isna(value):
        return None
    return value if isinstance(value, str | bool | int | float) else str(value)
