"""The sensor that repairs: it starts runs for what is missing, and gives up loudly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
from lab_support import window
from platform_support import Platform, failing, raw, values

from market_assets.warehouse.contract import RepairAttempt
from sensors.repair import repair_sensor

DAY = ("2026-03-04-00:00", "2026-03-04-23:00")


def archived(platform: Platform, **quality: Any) -> Platform:
    url = f"{platform.lab.settings.venue('binance').base_url}/archive"
    platform.lab = platform.lab.with_settings(
        venues={"binance": {"archive_url": url}}, quality={"repair": quality}
    )
    return platform


def tick(platform: Platform, cursor: str | None = None) -> tuple[dg.SensorResult, str | None]:
    """One evaluation, and the cursor after it."""
    context = dg.build_sensor_context(instance=platform.instance, cursor=cursor)
    told = repair_sensor(platform.lab.settings)(context)
    result = told if isinstance(told, dg.SensorResult) else dg.SensorResult(skip_reason=told)
    return result, context.cursor


def launched(platform: Platform, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
    tags: Mapping[str, str] = request.tags
    return platform.defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=platform.instance,
        asset_selection=list(request.asset_selection or ()),
        tags=tags,
        raise_on_error=False,
    )


def test_lost_hours_are_asked_for_again_and_come_from_the_archive(platform: Platform) -> None:
    platform = archived(platform)
    platform.lab.exchange.control(faults={"lost_rate": 0.1})
    assert not platform.run("binance_ohlcv", *DAY).success
    lost = len(platform.lab.lake.missing())

    result, cursor = tick(platform)

    requests = result.run_requests or []
    assert 0 < len(requests) <= lost
    assert {r.tags["trigger"] for r in requests} == {"repair"}
    recorded = platform.lab.lake.repairs()
    assert [(a.attempt, a.outcome) for a in recorded] == [(1, "started")] * lost
    for request in requests:
        assert launched(platform, request).success
    assert platform.lab.lake.missing() == []
    assert len(platform.materialised("binance_ohlcv")) == 24

    again, _ = tick(platform, cursor)
    assert not again.run_requests


def test_the_same_hole_is_not_asked_for_again_before_its_pause_is_over(platform: Platform) -> None:
    platform.lab.exchange.control(faults={"lost_rate": 0.1})
    platform.run("okx_ohlcv", *DAY)
    first, cursor = tick(platform)
    assert first.run_requests
    launched(platform, first.run_requests[0])

    second, cursor = tick(platform, cursor)

    assert not second.run_requests
    assert str(second.skip_reason and second.skip_reason.skip_message) == (
        "nothing is to be repaired yet"
    )


def test_what_is_given_up_fails_the_completeness_check_and_names_the_hours(
    platform: Platform,
) -> None:
    platform = archived(platform, attempts=1, first_pause_minutes=0)
    platform.lab.exchange.control(faults={"lost_rate": 0.1})
    platform.run("okx_ohlcv", *DAY)
    first, cursor = tick(platform)
    for request in first.run_requests or ():
        assert "okx_ohlcv completeness" in failing(launched(platform, request))

    second, cursor = tick(platform, cursor)

    assert not second.run_requests
    [event] = second.asset_events
    assert isinstance(event, dg.AssetCheckEvaluation)
    assert (event.asset_key, event.check_name, event.passed) == (
        raw("okx_ohlcv"),
        "completeness",
        False,
    )
    missing = platform.lab.lake.missing()
    told = values(event.metadata)
    assert f"{len(missing)} missing intervals were given up" == event.description
    assert f"okx ohlcv 1h {missing[0].symbol} 2026-03-04" in told["given_up"]
    given_up: list[RepairAttempt] = [
        a for a in platform.lab.lake.repairs() if a.outcome == "given_up"
    ]
    assert len(given_up) == len(missing)
    third, _ = tick(platform, cursor)
    assert not third.asset_events, "once is enough"


def test_hours_of_a_symbol_that_is_new_are_named_by_the_next_run_and_asked_for(
    platform: Platform,
) -> None:
    whole = platform.lab
    platform.lab = whole.with_settings(venues={"okx": {"symbols": ["BTCUSDT"]}})
    assert platform.run("okx_ohlcv", *DAY).success
    both = Platform(whole, platform.instance)

    result = both.run("okx_ohlcv", "2026-03-05-00:00")

    assert result.success, "its own hour is complete"
    assert "okx_ohlcv completeness" in failing(result)
    [span] = whole.lake.missing()
    assert (span.symbol, span.window) == ("NEWUSDT", window("2026-03-04", "2026-03-05"))
    [request] = tick(both)[0].run_requests or []
    repaired = launched(both, request)
    assert repaired.success
    assert "okx_ohlcv completeness" not in failing(repaired)


def test_a_platform_where_nothing_is_missing_is_left_alone_without_opening_it(
    platform: Platform,
) -> None:
    assert platform.run("okx_ohlcv", *DAY).success
    first, cursor = tick(platform)
    assert not first.run_requests
    catalog = platform.lab.lake.path / "catalog.sqlite"
    before = catalog.stat().st_atime_ns, catalog.stat().st_mtime_ns
    second, _ = tick(platform, cursor)
    assert not second.run_requests
    assert (catalog.stat().st_atime_ns, catalog.stat().st_mtime_ns) == before


def test_the_sensor_is_off_where_repair_is_turned_off(platform: Platform) -> None:
    on = repair_sensor(platform.lab.settings).default_status
    off = repair_sensor(
        platform.lab.with_settings(quality={"repair": {"enabled": False}}).settings
    ).default_status
    assert (on, off) == (dg.DefaultSensorStatus.RUNNING, dg.DefaultSensorStatus.STOPPED)
