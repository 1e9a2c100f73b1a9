"""The operations marts against what really happened, counted once more in Python."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from core_again import absent_hours
from marts_support import MartsLab
from recomputed import same

pytestmark = pytest.mark.xdist_group("marts")


def test_every_hour_of_every_day_is_accounted_for(winter: MartsLab):
    key = ["venue", "symbol", "date"]
    stored = winter.candles()[["venue", "symbol", "timestamp"]].assign(reason="present")
    hours = pd.concat([stored, absent_hours(winter)])
    assert not hours.duplicated(["venue", "symbol", "timestamp"]).any()
    hours["date"] = hours["timestamp"].dt.normalize()
    counts = hours.groupby([*key, "reason"]).size().unstack(fill_value=0)
    expected = pd.DataFrame(
        {
            f"{reason}_count": counts[reason]
            for reason in ("present", "no_trade", "venue_outage", "not_listed", "missing")
        }
    ).assign(interval="1h", expected_count=24)
    expected["unasked_count"] = 24 - counts.sum(axis=1)
    lost = expected["missing_count"] + expected["unasked_count"]
    expected["completeness"] = 1 - lost / 24
    found = winter.mart("ops_completeness").assign(date=lambda rows: pd.to_datetime(rows["date"]))
    same(found, expected.reset_index(), key)
    assert found["missing_count"].sum() > 0
    assert (found["unasked_count"] == 0).mean() > 0.99


def test_ages_are_counted_from_the_newest_row(winter: MartsLab):
    now = pd.Timestamp(datetime.now(UTC)).tz_localize(None)
    found = winter.mart("ops_freshness").set_index(["dataset", "venue", "symbol"])
    for dataset, rows, length in (
        ("ohlcv", winter.candles(), 60),
        ("funding_rates", winter.funding(), 0),
    ):
        newest = rows.groupby(["venue", "symbol"])[["timestamp", "ingestion_time"]].max()
        assert len(found.loc[dataset]) == len(newest)
        for series, row in newest.iterrows():
            told = found.loc[(dataset, *series)]
            assert told["newest_data_at"] == row["timestamp"]
            assert told["newest_ingestion_at"] == row["ingestion_time"]
            age = (now - row["timestamp"]) / pd.Timedelta(minutes=1) - length
            assert told["data_age_minutes"] == pytest.approx(age, abs=2)
            age = (now - row["ingestion_time"]) / pd.Timedelta(minutes=1)
            assert told["ingestion_age_minutes"] == pytest.approx(age, abs=2)


def test_percentiles_of_latency_are_exact(winter: MartsLab):
    requests = winter.query("select * from ops.requests")
    requests["date"] = requests["requested_at"].dt.normalize()
    expected = pd.DataFrame(
        [
            {
                "date": date,
                "venue": venue,
                "endpoint": endpoint,
                "request_count": len(rows),
                "error_count": (rows["outcome"] != "ok").sum(),
                "throttled_count": (rows["outcome"] == "throttled").sum(),
                "error_rate": (rows["outcome"] != "ok").mean(),
                **{f"latency_p{p}_ms": np.percentile(rows["latency_ms"], p) for p in (50, 95, 99)},
                "weight": rows["weight"].sum(),
                "bytes": rows["bytes"].sum(),
            }
            for (date, venue, endpoint), rows in requests.groupby(["date", "venue", "endpoint"])
        ]
    )
    found = winter.mart("ops_api_health").assign(date=lambda rows: pd.to_datetime(rows["date"]))
    same(found, expected, ["date", "venue", "endpoint"])


def test_corrections_are_measured_against_what_was_stored_before(winter: MartsLab):
    [revision] = winter.query("select * from ops.revisions").to_dict("records")
    old, new = json.loads(revision["old_values"]), json.loads(revision["new_values"])
    [found] = winter.mart("ops_corrections").to_dict("records")
    assert (found["venue"], found["dataset"], found["symbol"]) == ("binance", "ohlcv", "BTCUSDT")
    assert found["correction_count"] == 1
    assert found["first_corrected_at"] == found["last_corrected_at"] == revision["timestamp"]
    assert pd.Timestamp(found["date"]) == revision["revised_at"].normalize()
    change = abs(new["close"] / old["close"] - 1)
    assert found["largest_price_change"] == pytest.approx(change, rel=1e-9)
    change = abs(new["volume"] / old["volume"] - 1)
    assert found["largest_volume_change"] == pytest.approx(change, rel=1e-9)
    assert np.isnan(found["largest_rate_change"])


def test_rows_and_bytes_of_each_table_and_what_they_would_cost(winter: MartsLab):
    found = winter.mart("ops_storage_and_cost").set_index(["schema_name", "table_name"])
    assert {"raw", "ops", "marts"} <= set(found.index.get_level_values(0))
    for (schema, table), row in found.iterrows():
        rows = winter.query(f"select count(*) as n from {schema}.{table}")["n"].iloc[0]
        assert row["row_count"] == rows, table
    ohlcv = found.loc[("marts", "ohlcv")]
    files = sorted((winter.settings.warehouse.path / "data" / "marts" / "ohlcv").rglob("*.parquet"))
    assert 0 < ohlcv["bytes"] <= sum(file.stat().st_size for file in files)
    assert ohlcv["storage_dollars_per_month"] == pytest.approx(ohlcv["bytes"] / 2**30 * 0.02)
    assert ohlcv["full_scan_dollars"] == pytest.approx(ohlcv["bytes"] / 2**40 * 6.25)


def test_every_view_can_be_read_without_dbt(winter: MartsLab):
    """dbt's connections know a type that others don't: a view must not keep its name."""
    views = winter.query("select view_name from duckdb_views() where schema_name = 'marts'")
    assert len(views) >= 9
    for view in views["view_name"]:
        winter.mart(view, "false")
