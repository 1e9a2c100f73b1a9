"""One expectation as a plain value, and short ways to write those that suites are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warn"]
# Fewer values than this have no distribution to speak of.
LEAST_VALUES = 48

# As pandas names them; it has all times as datetime64, whatever their unit.
_TYPES = {
    "timestamp": "datetime64",
    "string": "str",
    "float": "float64",
    "integer": "int64",
    "boolean": "bool",
}


@dataclass(frozen=True, slots=True)
class Law:
    """What a table must obey: in words, as Great Expectations has it, and how bad a breach is."""

    name: str
    says: str
    expectation: str  # the class of great_expectations.expectations
    arguments: Mapping[str, Any]
    severity: Severity = "error"


def has_columns(columns: Sequence[str], *, exactly: bool = False) -> Law:
    return Law(
        "columns",
        "It has its columns and no others" if exactly else "It has the columns that people read",
        "ExpectTableColumnsToMatchSet",
        {"column_set": list(columns), "exact_match": exactly},
    )


def is_of_type(column: str, kind: str) -> Law:
    return Law(
        f"type of {column}",
        f"{column} is a {kind}",
        "ExpectColumnValuesToBeOfType",
        {"column": column, "type_": _TYPES[kind]},
    )


def is_there(column: str) -> Law:
    return Law(
        f"{column} is there",
        f"No row is without {column}",
        "ExpectColumnValuesToNotBeNull",
        {"column": column},
    )


def is_unique(columns: Sequence[str]) -> Law:
    return Law(
        "unique key",
        f"{', '.join(columns)} are there once",
        "ExpectCompoundColumnsToBeUnique",
        {"column_list": list(columns)},
    )


def lies_between(
    name: str,
    says: str,
    column: str,
    low: float | None = None,
    high: float | None = None,
    *,
    mostly: float = 1.0,
    severity: Severity = "error",
) -> Law:
    """Every value, or the share `mostly` of them, in [low, high]; nulls are not judged."""
    return Law(
        name,
        says,
        "ExpectColumnValuesToBeBetween",
        {"column": column, "min_value": low, "max_value": high, "mostly": mostly},
        severity,
    )


def is_above(name: str, says: str, column: str, low: float) -> Law:
    return Law(
        name,
        says,
        "ExpectColumnValuesToBeBetween",
        {"column": column, "min_value": low, "strict_min": True},
    )


def is_not_below(name: str, says: str, column: str, other: str) -> Law:
    return Law(
        name,
        says,
        "ExpectColumnPairValuesAToBeGreaterThanB",
        {
            "column_A": column,
            "column_B": other,
            "or_equal": True,
            "ignore_row_if": "either_value_is_missing",
        },
    )


def is_one_of(
    name: str,
    says: str,
    column: str,
    values: Sequence[Any],
    *,
    mostly: float = 1.0,
    severity: Severity = "error",
) -> Law:
    return Law(
        name,
        says,
        "ExpectColumnValuesToBeInSet",
        {"column": column, "value_set": list(values), "mostly": mostly},
        severity,
    )


def has_rows(name: str, says: str, least: int, most: int | None = None) -> Law:
    return Law(
        name,
        says,
        "ExpectTableRowCountToBeBetween",
        {"min_value": least, "max_value": most},
    )


def averages(
    name: str,
    says: str,
    column: str,
    low: float,
    high: float,
    *,
    by: Literal["Mean", "Median", "Stdev"] = "Mean",
) -> Law:
    """A distribution is told of and never stops anybody: markets may do what they want."""
    return Law(
        name,
        says,
        f"ExpectColumn{by}ToBeBetween",
        {"column": column, "min_value": low, "max_value": high},
        "warn",
    )
