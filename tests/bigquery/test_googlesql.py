"""Google's own analyser as these tests use it: what BigQuery refuses is refused, and no more."""

from __future__ import annotations

import json
from typing import Any

import pytest
from emulator_support import judged

IN_BIGQUERY = pytest.mark.xdist_group("bigquery")

# Two workers, each with an emulator of its own.
GROUPS = ("bigquery", "bigquery_marts")
CANDLES = {
    "path": ["p", "raw", "candles"],
    "fields": [
        {"name": "timestamp", "type": "TIMESTAMP"},
        {"name": "symbol", "type": "STRING"},
        {"name": "close", "type": "FLOAT"},
        {"name": "trades", "type": "INTEGER"},
        {"name": "tags", "type": "STRING", "mode": "REPEATED"},
    ],
    "required": None,
}
BOUNDED = {**CANDLES, "path": ["p", "raw", "bounded"], "required": "timestamp"}

GOOD = [
    "SELECT symbol, MAX_BY(close, timestamp) AS close FROM raw.candles GROUP BY symbol",
    "SELECT close, LAG(close) OVER w AS before FROM `p.raw.candles`"
    " WINDOW w AS (PARTITION BY symbol ORDER BY timestamp)",
    "SELECT * EXCEPT (tags) FROM `p`.`raw`.`candles` WHERE TRUE"
    " QUALIFY ROW_NUMBER() OVER (PARTITION BY symbol ORDER BY timestamp DESC) = 1",
    "SELECT TIMESTAMP_TRUNC(timestamp, HOUR) AS hour, APPROX_QUANTILES(close, 4)[OFFSET(2)] AS half"
    " FROM raw.candles GROUP BY hour",
    "SELECT PERCENTILE_CONT(close, 0.5) OVER (PARTITION BY symbol) AS half FROM raw.candles",
    "SELECT COUNT(*) AS n FROM raw.candles FOR SYSTEM_TIME AS OF TIMESTAMP '2026-03-10'",
    "SELECT COUNT(*) AS n FROM raw.bounded WHERE timestamp >= '2026-03-10'",
    "INSERT INTO raw.bounded (timestamp, symbol) SELECT timestamp, symbol FROM raw.candles",
    "SELECT COUNT(*) AS n FROM raw.bounded WHERE DATE(timestamp) BETWEEN '2026-03-10' AND @to",
    "DECLARE days ARRAY<DATE>; SET (days) = (SELECT AS STRUCT ARRAY_AGG(DISTINCT DATE(timestamp))"
    " FROM raw.candles); MERGE raw.candles AS t USING (SELECT * FROM raw.candles) AS n ON FALSE"
    " WHEN NOT MATCHED BY SOURCE AND DATE(t.timestamp) IN UNNEST(days) THEN DELETE"
    " WHEN NOT MATCHED THEN INSERT (timestamp, symbol) VALUES (n.timestamp, n.symbol)",
    "DECLARE now_ TIMESTAMP DEFAULT CURRENT_TIMESTAMP(); BEGIN TRANSACTION;"
    " DELETE FROM raw.bounded WHERE timestamp < now_; ASSERT (SELECT 1) = 1 AS 'moved';"
    " COMMIT TRANSACTION;",
    "CREATE MATERIALIZED VIEW raw.hourly PARTITION BY DATE(hour) CLUSTER BY symbol AS"
    " SELECT symbol, TIMESTAMP_TRUNC(timestamp, HOUR) AS hour, MIN_BY(close, timestamp) AS open"
    " FROM raw.candles GROUP BY symbol, hour",
    "CREATE OR REPLACE TABLE raw.made PARTITION BY DATE(timestamp) CLUSTER BY symbol"
    " OPTIONS (partition_expiration_days = 730, labels = [('team', 'research')])"
    " AS SELECT timestamp, symbol FROM raw.candles",
    "SELECT table_name FROM raw.INFORMATION_SCHEMA.TABLES",
    "CALL BQ.REFRESH_MATERIALIZED_VIEW('p.raw.hourly')",
]
# What each is: DuckDB's own words, types that do not meet, and what BigQuery alone forbids.
BAD = {
    "DuckDB": [
        "SELECT epoch_ms(timestamp) AS ms FROM raw.candles",
        "SELECT arg_max(close, timestamp) AS c FROM raw.candles",
        "SELECT median(close) AS m FROM raw.candles",
        "SELECT symbol FROM raw.candles WHERE symbol ILIKE 'btc%'",
        "SELECT strftime(timestamp, '%Y') AS y FROM raw.candles",
        "FROM raw.candles SELECT symbol",
        "SELECT symbol FROM raw.candles LIMIT 10%",
        "SELECT close::INT64 AS c FROM raw.candles",
        "SELECT COUNT(*) FILTER (WHERE close > 1) AS n FROM raw.candles",
        "SELECT list(symbol) AS s FROM raw.candles",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * EXCLUDE (tags) FROM raw.candles",
        "SELECT date_trunc('hour', timestamp) AS h FROM raw.candles",
        "INSERT INTO raw.candles BY NAME SELECT symbol FROM raw.candles",
        "SELECT symbol FROM raw.candles QUALIFY row_number() OVER () = 1 USING SAMPLE 3",
        "SELECT symbol FROM raw.candles ANTI JOIN raw.bounded USING (symbol)",
    ],
    "type": [
        "SELECT IF(TRUE, 1, 'a') AS x",
        "SELECT 1 AS x UNION ALL SELECT 'a'",
        "SELECT DATE '2026-03-10' > TIMESTAMP '2026-03-10' AS later",
        "SELECT symbol + 1 AS x FROM raw.candles",
        "SELECT SUM(symbol) AS s FROM raw.candles",
        "SELECT trades = 'a' || symbol AS x FROM raw.candles",
        "INSERT INTO raw.candles (trades) SELECT symbol FROM raw.candles",
        "UPDATE raw.candles SET close = symbol WHERE TRUE",
        "SELECT close FROM raw.candles WHERE trades",
        "SELECT symbol, close FROM raw.candles GROUP BY symbol",
        "SELECT tags = tags AS same FROM raw.candles",
    ],
    "name": [
        "SELECT nothing FROM raw.candles",
        "SELECT 1 AS x FROM raw.nowhere",
        "SET (days) = (SELECT AS STRUCT 1)",
        "CALL BQ.REFRESH_MATERIALIZED_VIEW(1)",
        "DELETE FROM raw.candles",
        "SELECT close FROM raw.candles WHERE timestamp > @unknown",
    ],
    "view": [
        "CREATE MATERIALIZED VIEW raw.v AS SELECT MAX(close) OVER () AS x FROM raw.candles",
        "CREATE MATERIALIZED VIEW raw.v AS SELECT symbol FROM raw.candles ORDER BY symbol",
        "CREATE MATERIALIZED VIEW raw.v AS SELECT CURRENT_TIMESTAMP() AS now_ FROM raw.candles",
        "CREATE MATERIALIZED VIEW raw.v AS SELECT symbol, STDDEV(close) AS s FROM raw.candles"
        " GROUP BY symbol",
        "CREATE MATERIALIZED VIEW raw.v AS SELECT a.symbol FROM raw.candles AS a"
        " JOIN raw.candles AS b ON a.symbol = b.symbol",
        "SELECT symbol, FIRST_VALUE(close ORDER BY timestamp) AS open FROM raw.candles"
        " GROUP BY symbol",
        "SELECT PERCENTILE_CONT(close, 0.5) AS half FROM raw.candles",
    ],
    "partition": [
        "SELECT COUNT(*) AS n FROM raw.bounded",
        "SELECT COUNT(*) AS n FROM raw.bounded WHERE symbol = 'BTCUSDT'",
        "SELECT COUNT(*) AS n FROM raw.bounded AS b JOIN raw.candles AS c"
        " ON b.timestamp = c.timestamp",
        "DELETE FROM raw.bounded WHERE symbol = 'BTCUSDT'",
        "MERGE raw.bounded AS t USING raw.candles AS n ON t.timestamp = n.timestamp"
        " WHEN MATCHED THEN UPDATE SET close = n.close",
    ],
}  # fmt: skip


def line(sql: str) -> str:
    noted: dict[str, Any] = {
        "sql": sql,
        "project": "p",
        "tables": [CANDLES, BOUNDED],
        "parameters": [{"name": "to", "type": "DATE"}],
    }
    return json.dumps(noted)


@IN_BIGQUERY
def test_what_bigquery_takes_is_found_good() -> None:
    assert judged(map(line, GOOD)) == []


@IN_BIGQUERY
def test_what_bigquery_refuses_is_refused_each_for_its_own_reason() -> None:
    bad = [sql for kind in BAD.values() for sql in kind]
    refused = {fault["sql"]: fault["problem"] for fault in judged(map(line, bad))}
    assert [sql for sql in bad if sql not in refused] == []
    for sql in BAD["partition"]:
        assert "without a constant bound on timestamp" in refused[sql]
    for sql in BAD["view"][:5]:
        assert "a materialized view may not" in refused[sql]


@pytest.mark.last
@pytest.mark.parametrize(
    "group", [pytest.param(g, marks=pytest.mark.xdist_group(g)) for g in GROUPS]
)
def test_every_statement_that_was_sent_to_bigquery_is_good_googlesql(
    bigquery_emulator: Any, bigquery: Any, group: str
) -> None:
    """Runs after all tests of its group, which use one emulator: its list is what they sent."""
    bigquery.rows("SELECT 1 AS one")
    lines = bigquery_emulator.statements.read_text().splitlines()
    assert lines
    faults = judged(lines)
    assert not faults, "\n\n".join(f"{fault['problem']}\n{fault['sql']}" for fault in faults[:20])
