"""The platform's SQL in GoogleSQL: what means the same is translated, all else is refused."""

from __future__ import annotations

import pytest
from emulator_support import EmulatedBigQuery

from market_assets.warehouse.bigquery.dialect import Placeholder, Translator, Untranslatable
from market_assets.warehouse.bigquery.names import Names

TRANSLATOR = Translator(Names("acme-data", "x_"))

# In DuckDB each answers the value beside it; so it has to on BigQuery.
SAME = {
    "SELECT epoch_ms(TIMESTAMP '2026-01-31 12:00:00.5') AS v": 1_769_860_800_500,
    "SELECT epoch_us(TIMESTAMP '2026-01-31 12:00:00.000007') AS v": 1_769_860_800_000_007,
    "SELECT epoch_ms(make_timestamp_ms(1769860800500)) AS v": 1_769_860_800_500,
    "SELECT epoch_ms(date_trunc('day', TIMESTAMP '2026-01-31 12:00:00')) AS v": 1_769_817_600_000,
    "SELECT epoch_ms(TIMESTAMP '2026-01-31' + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND) AS v": (
        1_769_903_999_999
    ),
    "SELECT concat_ws('|', 'a', NULL, 'b') AS v": "a|b",
    "SELECT concat('a') AS v": "a",
    "SELECT 'it''s a \\ and \"' || 'x' AS v": "it's a \\ and \"x",
    "SELECT json_extract_string('{\"a\": \"b\"}', '$.a') AS v": "b",
    "SELECT list_contains(string_split('a,b', ','), 'b') AS v": True,
    "SELECT starts_with('abc', 'ab') AS v": True,
    "SELECT NULL IS DISTINCT FROM 1 AS v": True,
    "SELECT count(*) FILTER (x > 1) AS v FROM (SELECT 1 AS x UNION ALL SELECT 2 AS x)": 1,
    "SELECT sum(x) FILTER (x > 1) AS v FROM (SELECT 1 AS x UNION ALL SELECT 2 AS x)": 2,
    "SELECT arg_max(x, -x) AS v FROM (SELECT 1 AS x UNION ALL SELECT 2 AS x)": 1,
    "SELECT date_diff('day', TIMESTAMP '2026-01-01 23:59', TIMESTAMP '2026-01-02 00:01') AS v": 1,
    "SELECT CAST(ceil(5 / 2) AS BIGINT) AS v": 3,
    "SELECT 7 // 2 AS v": 3,
    "SELECT count(*) AS v FROM (SELECT unnest(generate_series(TIMESTAMP '2026-01-01',"
    " TIMESTAMP '2026-01-03', INTERVAL 1 DAY)) AS day FROM (SELECT 1 AS one))": 3,
    "SELECT x AS v FROM (SELECT 1 AS x UNION ALL SELECT NULL AS x) ORDER BY x LIMIT 1": 1,
}

REFUSED = (
    "SELECT median(close) FROM raw.binance_ohlcv",
    "SELECT epoch(timestamp) FROM raw.binance_ohlcv",
    "SELECT strftime(timestamp, '%Y') FROM raw.binance_ohlcv",
    "SELECT date_diff('hour', timestamp, timestamp) FROM raw.binance_ohlcv",
    "SELECT timestamp AT TIME ZONE 'Asia/Tokyo' FROM raw.binance_ohlcv",
    "SELECT CAST(close AS REAL) FROM raw.binance_ohlcv",
    "SELECT some_function_of_nobody(close) FROM raw.binance_ohlcv",
    "SELECT symbol FROM raw.binance_ohlcv WHERE symbol ILIKE 'btc%'",
    "SELECT symbol FROM raw.binance_ohlcv ORDER BY ALL",
    "SELECT symbol FROM raw.binance_ohlcv USING SAMPLE 10%",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM a_table_of_nobody",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM other.raw.binance_ohlcv",
    "SELECT * FROM raw.binance_ohlcv AT (VERSION => 3)",
    "SELECT [1, 2][1] AS x",
    "SELECT {'a': 1} AS x",
    "DROP TABLE raw.binance_ohlcv",
    "SELECT 1 +",
)


@pytest.mark.xdist_group("bigquery")
def test_each_translated_expression_has_the_value_that_duckdb_gives_it(
    bigquery: EmulatedBigQuery,
) -> None:
    import duckdb

    parts = []
    for number, (sql, value) in enumerate(SAME.items()):
        assert duckdb.execute(sql).fetchall()[0][0] == value, sql
        parts.append(f"({TRANSLATOR.query(sql)}) AS v{number}")
    # One statement: GoogleSQL's own analyser reads it too, with all that the tests have sent.
    [answered] = bigquery.rows(f"SELECT {', '.join(parts)}")
    assert dict(zip(SAME, answered, strict=True)) == SAME


@pytest.mark.parametrize("sql", REFUSED)
def test_what_may_mean_something_else_is_refused_and_not_passed_on(sql: str) -> None:
    with pytest.raises(Untranslatable):
        TRANSLATOR.query(sql)


def test_a_change_of_everything_says_so_and_tells_how_many_rows_it_is() -> None:
    statement, count = TRANSLATOR.statement("DELETE FROM ops.coverage", {})
    assert statement == "DELETE FROM `acme-data`.`x_ops`.`coverage` WHERE TRUE"
    assert count == "SELECT COUNT(*) FROM `acme-data`.`x_ops`.`coverage` WHERE TRUE"


def test_rows_go_in_by_the_names_of_their_columns() -> None:
    staged = {"added": Placeholder("mark_added", ("interval", "symbol"))}
    statement, _ = TRANSLATOR.statement(
        "INSERT INTO ops.coverage BY NAME SELECT * FROM added WHERE symbol = 'a'", staged
    )
    assert statement == (
        "INSERT INTO `acme-data`.`x_ops`.`coverage` (`interval`, `symbol`) SELECT `interval`,"
        " `symbol` FROM `mark_added` AS `added` WHERE `symbol` = 'a'"
    )
    with pytest.raises(Untranslatable, match="unknown table"):
        TRANSLATOR.statement("INSERT INTO ops.coverage BY NAME SELECT symbol FROM gone", staged)


@pytest.mark.parametrize("sql", ["SELECT 1", "DROP TABLE ops.coverage", "CREATE TABLE x (a INT)"])
def test_only_changes_of_rows_are_collected(sql: str) -> None:
    with pytest.raises(Untranslatable):
        TRANSLATOR.statement(sql, {})
