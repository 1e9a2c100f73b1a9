"""Answers of BigQuery in the shape that the reading functions know from the embedded engine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from google.cloud.bigquery.table import RowIterator

# Below this REST is as quick, and needs no second connection.
_ROWS_FOR_STORAGE_API = 10_000


class Answer:
    """The rows of one query; times are UTC without a zone, as everywhere in the store's SQL."""

    def __init__(self, rows: RowIterator, *, storage_read_api: bool) -> None:
        self._rows = rows
        self._storage_read_api = storage_read_api

    def fetchall(self) -> list[tuple[Any, ...]]:
        return [tuple(_naive(value) for value in row.values()) for row in self._rows]

    def to_arrow_table(self) -> pa.Table:
        import pyarrow as pa

        large = (self._rows.total_rows or 0) > _ROWS_FOR_STORAGE_API
        fast = self._storage_read_api and large and storage_read_api_is_here()
        table = self._rows.to_arrow(create_bqstorage_client=fast)
        schema = pa.schema(
            pa.field(field.name, pa.timestamp("us"))
            if pa.types.is_timestamp(field.type)
            else pa.field(field.name, field.type)
            for field in table.schema
        )
        return table.cast(schema)


class Rows:
    """Rows that are known without asking."""

    def __init__(self, *rows: tuple[Any, ...]) -> None:
        self._rows = list(rows)

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._rows

    def to_arrow_table(self) -> pa.Table:
        raise TypeError("a change has a number of rows, and no table of them")


def storage_read_api_is_here() -> bool:
    """Whether the package of the Storage Read API is installed; the platform works without."""
    import importlib.util

    try:
        return importlib.util.find_spec("google.cloud.bigquery_storage") is not None
    except ModuleNotFoundError:
        return False


def _naive(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value
