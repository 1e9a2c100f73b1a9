"""What tables are called on BigQuery: project, prefix, the store's schemas as datasets."""

from __future__ import annotations

import re
from dataclasses import dataclass

from market_assets.warehouse.ddl import StoredTable

# The store's schemas, and where loads wait until a transaction takes them in.
SCHEMAS = ("raw", "ops", "staging", "marts")
LOADS = "loads"
# Snapshots, and what they are of.
BACKUPS = "backups"
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Names:
    project: str
    prefix: str = ""

    def dataset(self, schema: str) -> str:
        return f"{self.prefix}{schema}"

    def table(self, schema: str, name: str) -> str:
        """`project.dataset.table`, as the client's methods take it."""
        return f"{self.project}.{self.dataset(schema)}.{name}"

    def sql(self, table: StoredTable) -> str:
        """The table as GoogleSQL names it."""
        return quoted(self.table(table.schema, table.name))

    def schema_of(self, dataset: str) -> str | None:
        """Which schema of ours a dataset is, None for a foreign one."""
        plain = dataset.removeprefix(self.prefix)
        return plain if dataset == self.dataset(plain) else None


def quoted(name: str) -> str:
    """A path of names in backticks; anything but letters, digits, _ and - in it is a bug."""
    parts = name.split(".")
    # A project of a domain (example.com:project) has a dot and a colon of its own.
    if not all(_PLAIN.fullmatch(part.replace(":", "")) for part in parts):
        raise ValueError(f"{name!r} is no name of a table")
    return f"`{name}`"
