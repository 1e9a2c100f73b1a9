"""The platform's SQL, written once in DuckDB's dialect, as GoogleSQL.

sqlglot parses and writes. Where its own translation is wrong for us the tree is changed in between
(`epoch_ms` is no TIMESTAMP_MILLIS, TIMESTAMP no DATETIME), and what is not known to mean the same
in both is refused: a wrong answer would look just like a right one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from market_assets.warehouse.bigquery.names import SCHEMAS, Names, quoted
from market_assets.warehouse.sql import LAKE

if TYPE_CHECKING:
    from sqlglot import exp

# A script's own name for the moment of its commit: CURRENT_TIMESTAMP differs by statement there.
COMMIT_MOMENT = "commit_time"


class Untranslatable(Exception):
    """A statement that means nothing, or not surely the same, on BigQuery: a bug of ours."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """What stands, in backticks, where the caller puts a table in; its columns in their order."""

    written: str
    columns: tuple[str, ...]


class Translator:
    """Translates for one place in BigQuery."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def query(self, sql: str, staged: Mapping[str, Placeholder] | None = None) -> str:
        """A SELECT; `staged` are the tables without a schema that it may name."""
        from sqlglot import exp

        tree = self._parsed(sql)
        if not isinstance(tree, exp.Query):
            raise Untranslatable(f"not a SELECT: {sql[:200]}")
        return self._written(tree, staged or {}, "CURRENT_TIMESTAMP()")

    def statement(
        self, sql: str, staged: Mapping[str, Placeholder], *, now: str = COMMIT_MOMENT
    ) -> tuple[str, str]:
        """An INSERT, UPDATE or DELETE, and the query that counts the rows which it changes."""
        from sqlglot import exp

        tree = self._parsed(sql)
        if isinstance(tree, exp.Insert):
            _insert_by_name(tree, staged)
            counted = _count(tree.expression)
        elif isinstance(tree, exp.Update | exp.Delete):
            if tree.args.get("where") is None:
                # BigQuery refuses a change of everything that does not say so.
                tree.set("where", exp.Where(this=exp.true()))
            counted = exp.select(exp.Count(this=exp.Star())).from_(tree.this.copy())
            counted.set("where", tree.args["where"].copy())
        else:
            raise Untranslatable(f"neither INSERT nor UPDATE nor DELETE: {sql[:200]}")
        return self._written(tree, staged, now), self._written(counted, staged, now)

    def _parsed(self, sql: str) -> exp.Expr:
        import sqlglot
        from sqlglot.errors import ParseError

        try:
            return sqlglot.parse_one(sql, dialect="duckdb")
        except ParseError as error:
            raise Untranslatable(f"{error}: {sql[:200]}") from error

    def _written(self, tree: exp.Expr, staged: Mapping[str, Placeholder], now: str) -> str:
        from market_assets.warehouse.bigquery.dialect_rules import changed, refuse_the_unknown

        tree = changed(tree, now)
        self._place_tables(tree, staged)
        refuse_the_unknown(tree)
        return tree.sql(dialect="bigquery", identify=True, comments=False)

    def _place_tables(self, tree: exp.Expr, staged: Mapping[str, Placeholder]) -> None:
        from sqlglot import exp

        local = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
        for table in tree.find_all(exp.Table):
            if isinstance(table.this, exp.Func):
                raise Untranslatable(f"a table function: {table.sql('duckdb')}")
            if table.catalog not in ("", LAKE):
                raise Untranslatable(f"a table of a foreign catalog: {table.sql('duckdb')}")
            if not table.db:
                if table.name in local:
                    continue
                if table.name not in staged:
                    raise Untranslatable(f"an unknown table: {table.name}")
                if not table.alias:
                    table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
                table.set("this", exp.to_identifier(staged[table.name].written, quoted=True))
                continue
            if table.db not in SCHEMAS:
                raise Untranslatable(f"a table of a foreign schema: {table.sql('duckdb')}")
            quoted(table.name)
            table.set("catalog", exp.to_identifier(self._names.project, quoted=True))
            table.set("db", exp.to_identifier(self._names.dataset(table.db), quoted=True))


def _insert_by_name(tree: exp.Expr, staged: Mapping[str, Placeholder]) -> None:
    """INSERT .. BY NAME SELECT: by position, the columns told on both sides."""
    from sqlglot import exp

    if not tree.args.get("by_name"):
        return
    select = tree.expression
    names: list[str] = []
    if not isinstance(select, exp.Select):
        raise Untranslatable("INSERT BY NAME of something that is no SELECT")
    for expression in select.expressions:
        if isinstance(expression, exp.Star):
            source = select.args["from_"].this.name
            if source not in staged:
                raise Untranslatable(f"the columns of {source} are not known here")
            names += staged[source].columns
        else:
            names.append(expression.alias_or_name)
    if any(isinstance(expression, exp.Star) for expression in select.expressions):
        if len(select.expressions) != 1:
            raise Untranslatable("a star beside other columns in INSERT BY NAME")
        select.set("expressions", [exp.column(name, quoted=True) for name in names])
    tree.set("by_name", False)
    columns = [exp.to_identifier(name, quoted=True) for name in names]
    tree.set("this", exp.Schema(this=tree.this, expressions=columns))


def _count(source: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    if isinstance(source, exp.Values):
        return exp.select(exp.Literal.number(len(source.expressions)))
    return exp.select(exp.Count(this=exp.Star())).from_(
        exp.Subquery(this=source.copy(), alias=exp.TableAlias(this=exp.to_identifier("changed")))
    )
