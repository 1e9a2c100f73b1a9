"""Keeping what statements cost: noted at once, priced and stored with somebody's commit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from market_assets.errors import QueryTooLarge
from market_assets.schemas import arrow
from market_assets.warehouse.estimate import MIB, Cost, Prices, Statement, TableFacts, price
from market_assets.warehouse.incoming import registered
from market_assets.warehouse.metering import charged
from market_assets.warehouse.plans import scans_of
from market_assets.warehouse.spool import Noted, Spool
from market_assets.warehouse.sql import Connection, literal
from market_assets.warehouse.table_facts import read_facts
from market_assets.warehouse.watch_tables import QUERY_COSTS

if TYPE_CHECKING:
    import duckdb

    from market_assets.warehouse.session import Session

T = TypeVar("T")
ENGINE = "ducklake"
# Tables grow by the hour: what they held some minutes ago is good enough for an estimate.
_FACTS_FOR_SECONDS = 300


@dataclass(frozen=True, slots=True)
class DaySpend:
    """What one asset cost on one UTC day, by what it was for."""

    day: date
    label: str
    asset: str
    statements: int
    bytes_processed: int
    bytes_billed: int
    dollars: float


class Meter:
    """What the statements of one opened warehouse cost."""

    def __init__(self, session: Session, prices: Prices) -> None:
        self._session = session
        self._prices = prices
        self._spool = Spool(session.layout.root)
        self._facts: dict[str, TableFacts] = {}
        self._facts_of = -math.inf

    def note(self, statements: Iterable[Statement]) -> None:
        """Note statements; who pays is told by the context."""
        self._spool.append([charged(statement) for statement in statements])

    def write(self, doing: str, action: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """`Session.write`; when it is time, what has been noted is stored in the same commit."""
        with self._session.locked(doing):
            if not self._spool.is_due(datetime.now(UTC)):
                return self._session.retrying(doing, action)
            return self._storing(doing, action)

    def settle(self) -> None:
        """Store what has been noted, now."""
        doing = "Storing what statements cost"
        with self._session.locked(doing):
            # What a writer that died had begun to store comes first.
            for _ in range(2 if self._spool.taking.exists() else 1):
                self._storing(doing, lambda _: None)

    def checked(self, cursor: duckdb.DuckDBPyConnection, sql: str) -> Statement:
        """What a free SELECT is; one that reads too much is refused."""
        tables = self._known(cursor)
        statement = Statement("query", scans_of(cursor, sql, tables))
        cost = price(statement, tables, self._prices)
        limit = self._prices.maximum_bytes_billed
        if cost.bytes_billed > limit:
            raise QueryTooLarge(
                "Running SQL on the warehouse",
                f"it would bill {cost.bytes_billed / MIB:,.0f} MB (${cost.dollars:.2f}), and"
                f" {limit / MIB:,.0f} MB are allowed for one query",
                "Name only the columns that you need and bound the time by constants"
                " (LIMIT saves nothing), or raise costs.maximum_bytes_billed in platform.yaml",
                bytes_billed=cost.bytes_billed,
                limit=limit,
            )
        return statement

    def priced(self, cursor: duckdb.DuckDBPyConnection, statement: Statement) -> Cost:
        return price(statement, self._known(cursor), self._prices)

    def facts(self, cursor: duckdb.DuckDBPyConnection) -> dict[str, TableFacts]:
        """How large the tables are now."""
        return dict(self._measured(cursor))

    def spent(self, cursor: duckdb.DuckDBPyConnection, since: datetime) -> list[DaySpend]:
        """What every day since then cost, with what is not stored yet."""
        import duckdb

        waiting = [noted for noted in self._spool.waiting() if noted.issued_at >= since]
        tables = self._known(cursor) if waiting else {}
        # One snapshot for both: a line that is stored between them would count twice or never.
        cursor.execute("BEGIN")
        try:
            found = days_stored(cursor, since)
            stored = _stored_ids(cursor, waiting)
        except duckdb.CatalogException:
            # A store of an older version that nobody has written to since.
            found, stored = [], frozenset()
        finally:
            cursor.execute("ROLLBACK")
        left = (noted for noted in waiting if noted.statement_id not in stored)
        return summed([*found, *(self._day_of(noted, tables) for noted in left)])

    # -- inside ----------------------------------------------------------------------------------

    def _storing(self, doing: str, action: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        noted, begun = self._spool.take()
        # Before the transaction: its own look into the catalog would stay open until the commit.
        tables = self._session.retrying(doing, self._measured, transaction=False) if noted else {}

        def transaction(connection: duckdb.DuckDBPyConnection) -> T:
            done = action(connection)
            known = _stored_ids(connection, noted) if begun else frozenset[str]()
            _store(connection, [self._row(n, tables) for n in noted if n.statement_id not in known])
            return done

        done = self._session.retrying(doing, transaction)
        self._spool.taken()
        return done

    def _known(self, cursor: duckdb.DuckDBPyConnection) -> dict[str, TableFacts]:
        if time.monotonic() - self._facts_of > _FACTS_FOR_SECONDS:
            return self._measured(cursor)
        return self._facts

    def _measured(self, cursor: duckdb.DuckDBPyConnection) -> dict[str, TableFacts]:
        self._facts, self._facts_of = read_facts(cursor), time.monotonic()
        return self._facts

    def _row(self, noted: Noted, tables: dict[str, TableFacts]) -> dict[str, Any]:
        statement = noted.statement
        cost = price(statement, tables, self._prices)
        return {
            "statement_id": noted.statement_id,
            "issued_at": noted.issued_at.astimezone(UTC).replace(tzinfo=None),
            "label": statement.label,
            "asset": statement.asset,
            "run_id": statement.run_id,
            "engine": ENGINE,
            "is_estimate": True,
            "bytes_processed": cost.bytes_processed,
            "bytes_billed": cost.bytes_billed,
            "dollars": cost.dollars,
        }

    def _day_of(self, noted: Noted, tables: dict[str, TableFacts]) -> DaySpend:
        statement = noted.statement
        cost = price(statement, tables, self._prices)
        return DaySpend(
            noted.issued_at.astimezone(UTC).date(),
            statement.label,
            statement.asset,
            1,
            cost.bytes_processed,
            cost.bytes_billed,
            cost.dollars,
        )


def _store(connection: duckdb.DuckDBPyConnection, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        with registered(connection, "issued", arrow.table(rows, QUERY_COSTS.arrow_schema())):
            connection.execute(f"INSERT INTO {QUERY_COSTS.qualified} BY NAME SELECT * FROM issued")


def days_stored(connection: Connection, since: datetime) -> list[DaySpend]:
    rows = connection.execute(
        "SELECT CAST(issued_at AS DATE), label, asset, count(*),"
        " CAST(sum(bytes_processed) AS BIGINT), CAST(sum(bytes_billed) AS BIGINT), sum(dollars)"
        f" FROM {QUERY_COSTS.qualified} WHERE issued_at >= {_moment(since)} GROUP BY ALL"
    ).fetchall()
    return [DaySpend(*row) for row in rows]


def _stored_ids(connection: duckdb.DuckDBPyConnection, noted: Sequence[Noted]) -> frozenset[str]:
    """Which of the statements are in the table."""
    if not noted:
        return frozenset()
    oldest = min(one.issued_at for one in noted)
    rows = connection.execute(
        f"SELECT statement_id FROM {QUERY_COSTS.qualified} WHERE issued_at >= {_moment(oldest)}"
    ).fetchall()
    return frozenset(row[0] for row in rows)


def summed(parts: Iterable[DaySpend]) -> list[DaySpend]:
    sums: dict[tuple[date, str, str], DaySpend] = {}
    for part in parts:
        key = (part.day, part.label, part.asset)
        old = sums.get(key)
        sums[key] = (
            part
            if old is None
            else DaySpend(
                *key,
                old.statements + part.statements,
                old.bytes_processed + part.bytes_processed,
                old.bytes_billed + part.bytes_billed,
                old.dollars + part.dollars,
            )
        )
    return [sums[key] for key in sorted(sums)]


def _moment(moment: datetime) -> str:
    return f"TIMESTAMP {literal(moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' '))}"
