"""pandera's view of the canonical datasets, for pandas frames and for Dagster's asset checks.

Built from the same columns and rules as the fast validator, so that they can't disagree. Kept out
of the ingest's import path: pandera and pandas cost more to import than a small run takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from market_assets.schemas.datasets import Column, Dataset
from market_assets.schemas.rules import Rule

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pandera

_DTYPES: dict[str, Any] = {
    "timestamp": "datetime64[us, UTC]",
    "string": "object",
    "float": "float64",
    # pandas holds missing integers as floats
    "integer": "float64",
    "boolean": "bool",
}


def pandera_schema(dataset: Dataset) -> pandera.DataFrameSchema:
    """The dataset as a pandera schema: types, nulls, unique key and every rule, by its code."""
    import pandera.pandas as pandera

    return pandera.DataFrameSchema(
        columns={
            column.name: pandera.Column(
                _DTYPES[column.kind], nullable=column.nullable, description=column.description
            )
            for column in dataset.columns
        },
        checks=[_check(dataset, rule) for rule in dataset.rules],
        unique=list(dataset.key),
        strict=True,
        coerce=True,
        name=dataset.name,
        description=dataset.description,
    )


def _check(dataset: Dataset, rule: Rule) -> pandera.Check:
    import pandera.pandas as pandera

    def obeys(frame: pd.DataFrame) -> pd.Series[bool]:
        import numpy as np
        import pandas as pd

        with np.errstate(invalid="ignore"):
            broken = rule.broken({c.name: _array(c, frame) for c in dataset.columns})
        return pd.Series(~np.asarray(broken, dtype=bool), index=frame.index)

    return pandera.Check(
        obeys, name=rule.code, error=f"{rule.code}: {rule.description}", ignore_na=False
    )


def _array(column: Column, frame: pd.DataFrame) -> Any:
    values = frame[column.name]
    if column.kind == "timestamp":
        numbers = values.astype("int64") // 1000
        return (
            numbers.where(values.notna()).to_numpy() if values.isna().any() else numbers.to_numpy()
        )
    return values.to_numpy()
