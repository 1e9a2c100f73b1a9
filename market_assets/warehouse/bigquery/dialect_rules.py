"""What sqlglot does not know of DuckDB and BigQuery, rule by rule, and all that is let through."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

_MILLIS = "3"
# The names of sqlglot's nodes that mean the same in both dialects once the rules have been applied.
# All others are refused.
_SAME = frozenset(
    word
    for line in (
        "Select From Where Join Group Order Ordered Having Qualify Limit Offset Distinct Union",
        "Subquery With CTE Table TableAlias Alias Column Identifier Star Literal Null Boolean",
        "Paren Tuple Values",
        "Insert Update Delete Schema Array Version Unnest Lateral",
        "And Or Not EQ NEQ GT GTE LT LTE Is In Between Like NullSafeEQ NullSafeNEQ Exists",
        "Add Sub Mul Div IntDiv Neg DPipe",
        "Case If Coalesce Nullif Greatest Least Abs Round Ceil Floor Sqrt Ln Exp",
        "Cast TryCast DataType Interval Var",
        "Count CountIf Sum Min Max Avg Filter LogicalOr LogicalAnd StddevSamp VarianceSamp Corr",
        "ArgMax ArgMin",
        "Window WindowSpec RowNumber Rank DenseRank Lag Lead FirstValue LastValue",
        "Concat Lower Upper Trim Length Substring StartsWith Split ArrayContains Replace",
        "JSONExtractScalar JSONPath JSONPathRoot JSONPathKey",
        "TimestampTrunc DateTrunc DateDiff Extract Year Month Day UnixMillis UnixMicros",
        "CurrentTimestamp",
    )
    for word in line.split()
)
# Functions that sqlglot has no node for: those that the rules put in, and two that are the same.
_SAME_CALLS = frozenset(
    ("ARRAY_TO_STRING", "TIMESTAMP_MILLIS", "GENERATE_TIMESTAMP_ARRAY", "CURRENT_TIMESTAMP")
)
_WITHOUT_ZONE = ("TIMESTAMP", "TIMESTAMPNTZ")
_TYPES = frozenset(("BIGINT", "INT", "DOUBLE", "VARCHAR", "TEXT", "BOOLEAN", "DATE", "TIMESTAMPTZ"))


def changed(tree: exp.Expr, now: str) -> exp.Expr:
    """The tree with our rules applied; `now` is SQL for the moment of the transaction."""
    from sqlglot import exp

    for select in list(tree.find_all(exp.Select)):
        _join_series(select)

    return _rewritten(tree, now)


def refuse_the_unknown(tree: exp.Expr) -> None:
    from sqlglot import exp

    from market_assets.warehouse.bigquery.dialect import Untranslatable

    for node in tree.walk():
        kind = type(node).__name__
        if isinstance(node, exp.Anonymous):
            known = str(node.this).upper() in _SAME_CALLS
        elif isinstance(node, exp.DateDiff):
            known = _unit(node) == "DAY"
        elif isinstance(node, exp.Ordered):
            known = node.this.sql() != "ALL"
        elif isinstance(node, exp.DataType):
            known = node.this.name in _TYPES and not node.expressions
        else:
            known = kind in _SAME
        if not known:
            raise Untranslatable(
                f"not known to be the same on BigQuery: {kind} in {node.sql('duckdb')[:200]}"
            )


def _rewritten(tree: exp.Expr, now: str) -> exp.Expr:
    """From the leaves up: what replaces a node is made of parts that have been seen to."""
    for node in reversed(list(tree.bfs())):
        new = _changed(node, now)
        if new is node:
            continue
        if node is tree:
            tree = new
        else:
            node.replace(new)
    return tree


def _changed(node: exp.Expr, now: str) -> exp.Expr:
    from sqlglot import exp

    if isinstance(node, exp.Cast) and _is_now(node.this):
        return _moment(now)
    if isinstance(node, exp.DataType) and node.this.name in _WITHOUT_ZONE:
        # A time without zone is UTC with us, and an instant on BigQuery: no DATETIME.
        return exp.DataType.build("TIMESTAMPTZ")
    if isinstance(node, exp.AtTimeZone) and node.args["zone"].name == "UTC":
        # A time of UTC read in UTC.
        inner: exp.Expr = node.this
        return inner
    if isinstance(node, exp.UnixToTime) and node.args["scale"].name == _MILLIS:
        # DuckDB's epoch_ms takes a time with us, never a number.
        return exp.UnixMillis(this=node.this)
    if isinstance(node, exp.Anonymous):
        return _called(node, now)
    if isinstance(node, exp.ConcatWs):
        # BigQuery has no CONCAT_WS; both leave out what is NULL.
        separator, *parts = node.expressions
        texts = exp.Array(expressions=parts)
        return exp.Anonymous(this="ARRAY_TO_STRING", expressions=[texts, separator])
    if isinstance(node, exp.Concat) and len(node.expressions) == 1:
        # It kept the lake from asking for statistics; here it would keep BigQuery from pruning.
        only: exp.Expr = node.expressions[0]
        return only
    if isinstance(node, exp.Interval) and isinstance(node.this, exp.Literal):
        # INTERVAL '1' DAY is no GoogleSQL.
        return exp.Interval(this=exp.Literal.number(node.this.name), unit=node.args["unit"])
    if isinstance(node, exp.DateDiff):
        # Boundaries of days are crossed; BigQuery's function takes dates only.
        this, other = (exp.cast(node.args[side], "date") for side in ("this", "expression"))
        if _unit(node) != "DAY":
            return node  # refused below
        return exp.DateDiff(this=this, expression=other, unit=exp.var("DAY"))
    if isinstance(node, exp.Table) and node.args.get("when") is not None:
        return _at(node)
    return node


def _called(node: exp.Anonymous, now: str) -> exp.Expr:
    from sqlglot import exp

    name = str(node.this).lower()
    if name == "epoch_us":
        return exp.UnixMicros(this=node.expressions[0])
    if name == "make_timestamp_ms":
        return exp.Anonymous(this="TIMESTAMP_MILLIS", expressions=node.expressions)
    if name == "now":
        return _moment(now)
    return node


def _unit(difference: exp.DateDiff) -> str:
    return str(difference.args.get("unit")).strip("'").upper()


def _moment(now: str) -> exp.Expr:
    from sqlglot import exp

    if now.endswith("()"):
        return exp.Anonymous(this=now[:-2], expressions=[])
    return exp.column(now)


def _is_now(node: exp.Expr) -> bool:
    from sqlglot import exp

    if isinstance(node, exp.AtTimeZone):
        node = node.this
    if isinstance(node, exp.CurrentTimestamp):
        return True
    return isinstance(node, exp.Anonymous) and str(node.this).lower() == "now"


def _at(table: exp.Table) -> exp.Expr:
    """`t AT (TIMESTAMP => m)` is `t FOR SYSTEM_TIME AS OF m`."""
    from sqlglot import exp

    told = table.args["when"]
    if str(told.args["kind"]).upper() != "TIMESTAMP":
        return table
    table.set("when", None)
    table.set("version", exp.Version(this="TIMESTAMP", kind="AS OF", expression=told.expression))
    return table


def _join_series(select: exp.Select) -> None:
    """`SELECT unnest(generate_series(a, b, step)) AS x FROM t`: a row of t for each x."""
    from sqlglot import exp

    for alias in select.expressions:
        exploded = alias.this if isinstance(alias, exp.Alias) else None
        if not isinstance(exploded, exp.Explode):
            continue
        series = exploded.this
        if not isinstance(series, exp.GenerateSeries) or series.args.get("step") is None:
            continue
        name = alias.alias
        steps = exp.Anonymous(
            this="GENERATE_TIMESTAMP_ARRAY",
            expressions=[series.args[part] for part in ("start", "end", "step")],
        )
        alias.replace(exp.column(name, quoted=True))
        made = exp.Unnest(
            expressions=[steps],
            alias=exp.TableAlias(columns=[exp.to_identifier(name, quoted=True)]),
        )
        select.append("joins", exp.Join(this=made, kind="CROSS"))
