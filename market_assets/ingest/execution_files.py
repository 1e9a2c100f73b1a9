"""A strategy's fills as people export them: CSV, JSON lines or Parquet, read to canonical values.

What cannot be read is refused with every place named, before anything is stored. What can be read
and breaks a rule is another matter: it goes to quarantine.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from market_assets.errors import RequestInvalid
from market_assets.schemas.datasets import TRADE_EXECUTIONS, Column

_COLUMNS = {column.name: column for column in TRADE_EXECUTIONS.columns}
_REQUIRED = [column.name for column in TRADE_EXECUTIONS.columns if not column.nullable]
_OPTIONAL = [column.name for column in TRADE_EXECUTIONS.columns if column.nullable]
_DOING = "Reading executions"
# Enough to see what is wrong with a file.
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Fill:
    """One row, with the place it stands at, for messages."""

    place: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: Mapping[str, Any]


def files_in(folder: Path) -> list[Path]:
    """The files of executions in a folder, in order of their names."""
    if not folder.is_dir():
        raise RequestInvalid(
            _DOING,
            f"there is no folder {folder}",
            "Make it and put the files there, or name files, or another --folder",
        )
    return sorted(
        file
        for file in folder.iterdir()
        if file.is_file() and file.suffix.lower() in _READERS and not file.name.startswith(".")
    )


def read_file(file: Path) -> list[Fill]:
    """A file's rows in canonical columns and types; one message names all that is no value."""
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise RequestInvalid(
            _DOING,
            f"{file} is of no kind that is known",
            f"Name it something{', something'.join(_READERS)}",
        )
    fills: list[Fill] = []
    refused: list[str] = []
    try:
        for row in reader(file):
            _check_columns(file, row)
            place = f"{file.name}:{row.line}"
            values: dict[str, Any] = {}
            for name, column in _COLUMNS.items():
                try:
                    values[name] = _value(column, row.cells.get(name))
                except ValueError as error:
                    refused.append(f"{place}: {name} {error}")
            fills.append(Fill(place, values))
    except (OSError, UnicodeDecodeError, csv.Error, json.JSONDecodeError) as error:
        raise RequestInvalid(
            _DOING,
            f"{file} cannot be read: {error}",
            "Nothing was stored. Check the file and run it again",
        ) from error
    if refused:
        more = f"\n  ... and {len(refused) - _NAMED} more" if len(refused) > _NAMED else ""
        raise RequestInvalid(
            _DOING,
            "\n  ".join([f"{len(refused)} values are not what they should be", *refused[:_NAMED]])
            + more,
            "Nothing was stored. Correct the file and run it again",
        )
    return fills


def _check_columns(file: Path, row: _Row) -> None:
    """A column that is left out or mistyped would lose its values without a word."""
    missing = [name for name in _REQUIRED if name not in row.cells]
    unknown = [str(name) for name in row.cells if name not in _COLUMNS]
    if missing or unknown:
        lacks = f"lacks {', '.join(missing)}" if missing else ""
        odd = f"has {', '.join(unknown)}, which nothing is known of" if unknown else ""
        raise RequestInvalid(
            _DOING,
            f"{file.name}:{row.line} {' and '.join(filter(None, [lacks, odd]))}",
            f"Columns are {', '.join(_REQUIRED)}, and if there is any {', '.join(_OPTIONAL)};"
            " anything else can go into metadata as JSON",
        )


# -- one value


def _value(column: Column, told: Any) -> Any:
    """A cell as the column's type; None where it says nothing."""
    if isinstance(told, str):
        told = told.strip()
    if told is None or told == "":
        return None
    if column.kind == "timestamp":
        return _time(told)
    if column.kind == "float":
        return _number(told)
    if column.name == "side":
        return str(told).lower()
    if isinstance(told, dict | list):
        return json.dumps(told, sort_keys=True, default=str)
    return str(told)


def _time(told: Any) -> datetime:
    if isinstance(told, str):
        try:
            told = datetime.fromisoformat(told)
        except ValueError:
            told = None
    if not isinstance(told, datetime):
        raise ValueError("is no time. Write 2026-01-31T07:00:00Z (without a zone it is UTC)")
    return told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)


def _number(told: Any) -> float:
    try:
        number = math.nan if isinstance(told, bool) else float(told)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{told!r} is no number. Write 1234.5")
    return number


# -- one file


def _read_csv(file: Path) -> Iterator[_Row]:
    # utf-8-sig: spreadsheets put a mark at the beginning, which would become part of a name.
    with file.open(newline="", encoding="utf-8-sig") as lines:
        reader = csv.DictReader(lines, strict=True)
        for cells in reader:
            if None in cells or None in cells.values():
                raise csv.Error(f"line {reader.line_num} has not as many cells as the heading")
            yield _Row(reader.line_num, {name.strip(): cell for name, cell in cells.items()})


def _read_json_lines(file: Path) -> Iterator[_Row]:
    with file.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                cells = json.loads(line)
            except json.JSONDecodeError as error:
                raise csv.Error(f"line {number} is no JSON: {error}") from error
            if not isinstance(cells, dict):
                raise csv.Error(f"line {number} is no JSON object")
            yield _Row(number, cells)


def _read_parquet(file: Path) -> Iterator[_Row]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(file)
        schema = pa.schema(
            [
                # Nanoseconds are more than the store keeps.
                field.with_type(pa.timestamp("us", tz=field.type.tz))
                if pa.types.is_timestamp(field.type)
                else field
                for field in table.schema
            ]
        )
        rows = table.cast(schema, safe=False).to_pylist()
    except pa.ArrowException as error:
        raise OSError(str(error)) from error
    for number, cells in enumerate(rows, start=1):
        # pandas writes nothing as NaN.
        said = {name: None if _is_nan(cell) else cell for name, cell in cells.items()}
        yield _Row(number, said)


def _is_nan(cell: Any) -> bool:
    return isinstance(cell, float) and math.isnan(cell)


_READERS: dict[str, Callable[[Path], Iterable[_Row]]] = {
    ".csv": _read_csv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}
