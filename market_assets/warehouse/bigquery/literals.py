"""Rows written into the statement itself: a few rows need no load job, and bill no table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from market_assets.schemas import arrow
from market_assets.schemas.datasets import Kind
from market_assets.schemas.timeline import to_datetime

if TYPE_CHECKING:
    import pyarrow as pa

SQL_TYPES: Mapping[Kind, str] = {
    "timestamp": "TIMESTAMP",
    "string": "STRING",
    "float": "FLOAT64",
    "integer": "INT64",
    "boolean": "BOOL",
}
_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def string(value: str) -> str:
    """A GoogleSQL string literal. (A backslash is an escape there, and a line must not end.)"""
    return "'" + "".join(_escaped(character) for character in value) + "'"


def rows_sql(columns: Mapping[str, Kind], rows: pa.Table) -> str:
    """The rows as a table expression in brackets, with the columns' names and types."""
    fields = ", ".join(f"`{name}` {SQL_TYPES[kind]}" for name, kind in columns.items())
    # Brackets around a single value are no row.
    begin = "STRUCT(" if len(columns) == 1 else "("
    said = (
        begin + ", ".join(_WRITTEN[kind](row[name]) for name, kind in columns.items()) + ")"
        for row in arrow.records(rows)
    )
    named = ", ".join(f"r.`{name}` AS `{name}`" for name in columns)
    return f"(SELECT {named} FROM UNNEST(ARRAY<STRUCT<{fields}>>[{', '.join(said)}]) AS r)"


def _escaped(character: str) -> str:
    known = _ESCAPES.get(character)
    if known is not None:
        return known
    # Separators of lines that are none in ASCII are left alone by GoogleSQL, controls are not.
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _string(value: Any) -> str:
    return "NULL" if value is None else string(value)


def _float(value: Any) -> str:
    if value is None:
        return "NULL"
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124
        return f"CAST('{value}' AS FLOAT64)"
    return repr(float(value))


def _integer(value: Any) -> str:
    return "NULL" if value is None else str(int(value))


def _boolean(value: Any) -> str:
    return "NULL" if value is None else str(bool(value)).upper()


def _timestamp(micros: Any) -> str:
    if micros is None:
        return "NULL"
    whole, fraction = divmod(int(micros), 1_000_000)
    return f"TIMESTAMP '{to_datetime(whole * 1000):%Y-%m-%d %H:%M:%S}.{fraction:06d}+00'"


_WRITTEN: Mapping[Kind, Callable[[Any], str]] = {
    "timestamp": _timestamp,
    "string": _string,
    "float": _float,
    "integer": _integer,
    "boolean": _boolean,
}
