"""Reads and transactions on BigQuery, by the same few calls as on the embedded engine.

Reads run at once. The changes of one `write` are collected and sent as one script between BEGIN
and COMMIT: a reader sees all of them or nothing, and a process that dies before leaves nothing.
What was read before must still hold when it runs: a counter for each scope of writers says so, and
when it has moved everything is read and done again.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import re
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from market_assets.warehouse.bigquery import faults
from market_assets.warehouse.bigquery.answers import Answer, Rows
from market_assets.warehouse.bigquery.client import Link
from market_assets.warehouse.bigquery.dialect import COMMIT_MOMENT, Placeholder, Translator
from market_assets.warehouse.bigquery.jobs import Jobs
from market_assets.warehouse.bigquery.literals import string
from market_assets.warehouse.bigquery.names import Names
from market_assets.warehouse.bigquery.staging import Staged, staged
from market_assets.warehouse.bigquery.writers import EVERYBODY, WRITERS
from market_assets.warehouse.faults import NoSuchTable

if TYPE_CHECKING:
    import pyarrow as pa

    from market_assets.settings import BigQuerySettings

T = TypeVar("T")

_MOMENT = f"DECLARE {COMMIT_MOMENT} TIMESTAMP DEFAULT CURRENT_TIMESTAMP()"
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 10.0


class Cursor:
    """Statements in DuckDB's dialect: questions are asked at once."""

    def __init__(self, session: Session, label: str) -> None:
        self._session = session
        self._label = label

    def execute(self, sql: str) -> Answer | Rows:
        return self.ask(self._session.translator.query(sql))

    def ask(self, googlesql: str) -> Answer:
        """A question in GoogleSQL."""
        return self._session.asked(googlesql, self._label)


class Transaction(Cursor):
    """Changes are collected in their order; what is asked is what was there before all of them."""

    def __init__(self, session: Session, label: str, scope: str) -> None:
        super().__init__(session, label)
        self._scope = scope
        self._staged: dict[str, Staged] = {}
        # Nobody's data can hold what stands for a table in a statement.
        self._mark = uuid.uuid4().hex
        self._changes: list[str] = []
        self._seen: int | None = None

    def execute(self, sql: str) -> Answer | Rows:
        if sql.lstrip().upper().startswith(("SELECT", "WITH", "FROM")):
            return self.ask(self._session.translator.query(sql))
        known = {
            name: Placeholder(f"{self._mark}_{name}", tuple(rows.columns))
            for name, rows in self._staged.items()
        }
        statement, count = self._session.translator.statement(sql, known)
        self.change(self._put_in(statement))
        return _Counted(lambda: self._count(self._put_in(count)))

    def ask(self, googlesql: str) -> Answer:
        if self._seen is None:
            self._seen = self._session.writes_of(self._scope)
        return super().ask(googlesql)

    @property
    def names(self) -> Names:
        return self._session.names

    @property
    def has_changes(self) -> bool:
        return bool(self._changes)

    def change(self, googlesql: str) -> None:
        """A statement in GoogleSQL that is to run when all of them are known."""
        self._changes.append(googlesql)

    def source(self, rows: pa.Table) -> str:
        """Rows as a table in GoogleSQL."""
        return staged(rows).sql(self._session.names, self._session.jobs)

    @contextlib.contextmanager
    def registered(self, name: str, rows: pa.Table) -> Iterator[None]:
        """Let SQL see an arrow table under a name."""
        self._staged[name] = staged(rows)
        try:
            yield
        finally:
            del self._staged[name]

    def script(self) -> str:
        """What was collected, as one statement, one transaction, or nothing."""
        if not self._changes:
            return ""
        if len(self._changes) == 1 and self._seen is None:
            return f"{_MOMENT};\n{self._changes[0]}"
        guard = [] if self._seen is None else self._guard(self._seen)
        return ";\n".join(
            [
                _MOMENT,
                "BEGIN TRANSACTION",
                *guard,
                *self._changes,
                "COMMIT TRANSACTION",
                "",
            ]
        )

    def _guard(self, seen: int) -> list[str]:
        """Refuse when somebody wrote since; and be in the way of who writes at the same time."""
        writers = self._session.names.sql(WRITERS)
        scope = f"scope = {string(self._scope)}"
        return [
            f"UPDATE {writers} SET writes = writes + 1, written_at = {COMMIT_MOMENT} WHERE {scope}",
            f"ASSERT (SELECT MAX(writes) FROM {writers} WHERE {scope}) = {seen + 1}"
            f" AS {string(faults.MOVED)}",
        ]

    def _put_in(self, googlesql: str) -> str:
        def table(found: re.Match[str]) -> str:
            return self._staged[found[1]].sql(self._session.names, self._session.jobs)

        # In one pass: what is put in is not looked at again.
        return re.sub(f"`{self._mark}_([a-z_]+)`", table, googlesql)

    def _count(self, googlesql: str) -> list[tuple[Any, ...]]:
        return self.ask(googlesql).fetchall()


class _Counted(Rows):
    """How many rows a collected change will change: asked only when somebody wants to know."""

    def __init__(self, count: Callable[[], list[tuple[Any, ...]]]) -> None:
        super().__init__()
        self._count = count

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._count()


class Session:
    """The store in one project, as one process uses it."""

    def __init__(
        self,
        settings: BigQuerySettings,
        link: Link,
        names: Names,
        jobs: Jobs,
        *,
        read_only: bool,
    ) -> None:
        self.read_only = read_only
        self.names = names
        self.jobs = jobs
        self.translator = Translator(names)
        self.storage_read_api = settings.storage_read_api and settings.api_endpoint is None
        self._link = link
        self._retry_seconds = settings.retry_seconds

    @property
    def place(self) -> str:
        return f"on BigQuery ({self.names.project})"

    @contextlib.contextmanager
    def reading(self, doing: str, label: str = "read") -> Iterator[Cursor]:
        """Questions, each of which sees the last commit before it."""
        with self.explaining(doing):
            yield Cursor(self, label)

    def write(
        self,
        doing: str,
        action: Callable[[Transaction], T],
        *,
        scope: str = EVERYBODY,
        label: str = "commit",
    ) -> T:
        """Run `action`, then what it collected, in one transaction; again while others conflict."""
        began = time.monotonic()
        with self.explaining(doing):
            for attempt in itertools.count():
                transaction = Transaction(self, label, scope)
                done = action(transaction)
                script = transaction.script()
                try:
                    if script:
                        self.jobs.query(script, label)
                    return done
                except Exception as error:
                    waited = time.monotonic() - began
                    if not faults.is_conflict(error) or waited > self._retry_seconds:
                        raise
                # Full jitter: those who collided do not meet again.
                pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**attempt)
                time.sleep(random.uniform(0, pause))
        raise AssertionError("unreachable")

    def writes_of(self, scope: str) -> int:
        """How often writers of this scope have committed."""
        sql = f"SELECT MAX(writes) FROM {self.names.sql(WRITERS)} WHERE scope = {string(scope)}"
        [(found,)] = self.asked(sql, "read").fetchall()
        if found is None:
            raise NoSuchTable(f"{WRITERS.name} has no row for {scope}")
        return int(found)

    def asked(self, googlesql: str, label: str) -> Answer:
        """The answer to a question in GoogleSQL; a table that is not there is `NoSuchTable`."""
        try:
            _, rows = self.jobs.query(googlesql, label)
        except Exception as error:
            if faults.is_no_such_table(error):
                raise NoSuchTable(faults.said(error)) from error
            raise
        return Answer(rows, storage_read_api=self.storage_read_api)

    def fence(self, doing: str) -> datetime:
        """Wait until every transaction that has begun is visible; those underway begin anew.

        A transaction that has not raised its counter yet was begun before this change of the same
        row, so that it is cancelled and stamped later than the moment that is returned. It is
        BigQuery's, as the stamps are: this machine's clock may be ahead. And it is before the
        change: a commit that begins right after that is not visible yet, and must not be older.
        """
        with self.explaining(doing):
            begun = self.now()
        sql = f"UPDATE {self.names.sql(WRITERS)} SET written_at = CURRENT_TIMESTAMP() WHERE TRUE"
        self.write(doing, lambda transaction: transaction.change(sql))
        return begun

    def now(self) -> datetime:
        """BigQuery's clock, which also stamps the commits."""
        [(moment,)] = self.asked("SELECT CURRENT_TIMESTAMP() AS moment", "read").fetchall()
        told: datetime = moment.replace(tzinfo=UTC)
        return told

    def move_counters(self, doing: str) -> None:
        """Have everybody who has read and not yet written read again."""
        sql = (
            f"UPDATE {self.names.sql(WRITERS)} SET writes = writes + 1,"
            " written_at = CURRENT_TIMESTAMP() WHERE TRUE"
        )
        self.write(doing, lambda transaction: transaction.change(sql))

    @contextlib.contextmanager
    def explaining(self, doing: str) -> Iterator[None]:
        """BigQuery's errors as ours, for people."""
        try:
            yield
        except Exception as error:
            explained = faults.explained(error, doing, self.names.project)
            if explained is None:
                raise
            raise explained from error

    def close(self) -> None:
        self._link.close()
