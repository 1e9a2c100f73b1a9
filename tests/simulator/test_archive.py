"""The simulated archive: the same market as the API's, in files of days and months."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import Any

import httpx
import pytest

HOUR = 3_600_000
DAY = 24 * HOUR
FEBRUARY = 1_769_904_000_000
KLINES = "data/futures/um/{every}/klines/{symbol}/{interval}/{symbol}-{interval}-{period}.zip"
FUNDING = "data/futures/um/monthly/fundingRate/{symbol}/{symbol}-fundingRate-{period}.zip"
KLINES_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)
ARCHIVED = pytest.mark.parametrize("venue", ["binance", "aster"])


def day_path(symbol: str = "BTCUSDT", day: str = "2026-02-10", interval: str = "1h") -> str:
    return KLINES.format(every="daily", symbol=symbol, interval=interval, period=day)


def month_path(symbol: str = "BTCUSDT", month: str = "2026-01", interval: str = "1h") -> str:
    return KLINES.format(every="monthly", symbol=symbol, interval=interval, period=month)


def ask(asker: Any, path: str, venue: str = "binance") -> httpx.Response:
    answer: httpx.Response = asker.get(f"/{venue}/archive/{path}")
    return answer


def lines(answer: httpx.Response) -> list[list[str]]:
    """The rows of the one file in the zip."""
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        (name,) = packed.namelist()
        return [line.split(",") for line in packed.read(name).decode().splitlines()]


@ARCHIVED
@pytest.mark.parametrize("interval", ["5m", "1h", "1d"])
def test_a_day_holds_the_rows_of_the_api_under_a_heading(
    calm: Any, venue: str, interval: str
) -> None:
    header, *rows = lines(ask(calm, day_path(interval=interval), venue))
    assert ",".join(header) == KLINES_HEADER
    told = calm.hours(venue, "BTCUSDT", FEBRUARY + 9 * DAY, FEBRUARY + 10 * DAY, interval)
    assert rows == [[str(cell) for cell in row] for row in told]
    assert rows


def test_a_month_is_its_days(calm: Any) -> None:
    whole = lines(ask(calm, month_path()))[1:]
    assert len(whole) == 31 * 24
    assert lines(ask(calm, day_path(day="2026-01-31")))[1:] == whole[-24:]


@pytest.mark.parametrize("path", [day_path(), month_path(), FUNDING.format(
    symbol="BTCUSDT", period="2026-01")])  # fmt: skip
def test_the_checksum_beside_a_file_is_that_of_its_bytes(calm: Any, path: str) -> None:
    digest = hashlib.sha256(ask(calm, path).content).hexdigest()
    assert ask(calm, f"{path}.CHECKSUM").text == f"{digest}  {path.rpartition('/')[2]}\n"


def test_settlements_come_in_months_with_their_interval(start: Any) -> None:
    asker = start(clock={"mode": "frozen", "now": "2026-03-10"})
    header, *rows = lines(ask(asker, FUNDING.format(symbol="FASTUSDT", period="2026-02")))
    assert header == ["calc_time", "funding_interval_hours", "last_funding_rate"]
    truth = asker.simulator.truth(
        "binance/funding", symbol="FASTUSDT", start=FEBRUARY, end=FEBRUARY + 28 * DAY
    )
    assert [(int(row[0]), float(row[1]), float(row[2])) for row in rows] == [
        (item["raw_timestamp"], item["interval_hours"], item["funding_rate"]) for item in truth
    ]
    assert {row[1] for row in rows} == {"8", "4"}, "the interval changes on 1 February"
    daily = FUNDING.format(symbol="BTCUSDT", period="2026-02-01").replace("monthly", "daily")
    assert ask(asker, daily).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(day_path(day="2026-03-01"), id="a day that is not over"),
        pytest.param(month_path(month="2026-03"), id="a month that is not over"),
        pytest.param(day_path("NOSUCHUSDT"), id="an unknown symbol"),
        pytest.param(day_path("NEWUSDT", "2026-01-02"), id="before the listing"),
        pytest.param(day_path(day="2026-02-30"), id="no day"),
        pytest.param(day_path(interval="7m"), id="no interval"),
        pytest.param("data/futures/um/", id="a folder"),
    ],
)
def test_what_is_not_there_is_404_and_so_is_its_checksum(calm: Any, path: str) -> None:
    for asked in (path, f"{path}.CHECKSUM"):
        assert ask(calm, asked).status_code == 404


def test_a_month_is_published_on_its_first_monday_and_a_day_at_its_end(start: Any) -> None:
    asker = start(clock={"mode": "frozen", "now": "2026-03-01T23:59:59Z"})
    february = month_path(month="2026-02")
    assert ask(asker, february).status_code == 404
    assert ask(asker, day_path(day="2026-03-01")).status_code == 404
    asker.simulator.control(clock={"advance_ms": 1000})  # Monday, 2 March
    assert ask(asker, february).status_code == 200
    assert ask(asker, day_path(day="2026-03-01")).status_code == 200


def test_okx_has_no_archive_of_this_kind(calm: Any) -> None:
    assert ask(calm, day_path(), "okx").status_code == 404


def test_files_cost_no_weight_and_pass_where_the_exchange_is_down_or_bans(start: Any) -> None:
    down = {"venue": "binance", "start": "2026-03-01", "end": "2026-03-02", "down": True}
    asker = start(
        faults={"outages": [down]}, limits={"enforce": True, "weight_per_minute": 0}
    )  # fmt: skip
    assert ask(asker, day_path()).status_code == 200
    stats = asker.simulator.stats()["binance"]
    assert (stats["archive_requests"], stats["requests"], stats["weight_used"]) == (1, 0, 0)


def test_what_the_api_lost_is_in_the_files(start: Any) -> None:
    whole = lines(ask(start(), day_path()))
    asker = start(faults={"lost_rate": 0.3})
    assert len(asker.hours("binance", "BTCUSDT", FEBRUARY + 9 * DAY, FEBRUARY + 10 * DAY)) < 24
    assert lines(ask(asker, day_path())) == whole


def test_hours_without_trades_are_in_no_file(start: Any) -> None:
    asker = start(faults={"no_trade_rate": 0.3})
    told = asker.hours("binance", "BTCUSDT", FEBRUARY + 9 * DAY, FEBRUARY + 10 * DAY)
    rows = lines(ask(asker, day_path()))[1:]
    assert [int(row[0]) for row in rows] == [row[0] for row in told]
    assert len(rows) < 24


def test_the_archive_can_tell_another_value_than_the_api(start: Any) -> None:
    hour = FEBRUARY + 9 * DAY + 5 * HOUR
    other = {"venue": "binance", "symbol": "BTCUSDT", "hour": hour, "factor": 1.05}
    asker = start(faults={"archive_differs": [other]})
    told = asker.hours("binance", "BTCUSDT", FEBRUARY + 9 * DAY, FEBRUARY + 10 * DAY)
    rows = lines(ask(asker, day_path()))[1:]
    differ = [place for place in range(24) if rows[place][4] != str(told[place][4])]
    assert differ == [5]
    assert float(rows[5][4]) == pytest.approx(float(told[5][4]) * 1.05, rel=1e-5)


# -- files with something wrong


def test_a_wrong_checksum_leaves_the_file_as_it_was(start: Any) -> None:
    asker = start(faults={"archive_bad_checksum": 1.0})
    answer = ask(asker, day_path())
    assert len(lines(answer)) == 25
    told = ask(asker, day_path() + ".CHECKSUM").text
    assert len(told.split()[0]) == 64
    assert hashlib.sha256(answer.content).hexdigest() not in told


def test_a_truncated_file_has_the_checksum_of_the_whole(start: Any) -> None:
    whole = hashlib.sha256(ask(start(), day_path()).content).hexdigest()
    asker = start(faults={"archive_truncated": 1.0})
    with pytest.raises(zipfile.BadZipFile):
        lines(ask(asker, day_path()))
    assert whole in ask(asker, day_path() + ".CHECKSUM").text


def test_a_heading_can_be_left_out_and_times_can_be_microseconds(start: Any) -> None:
    header, *rows = lines(ask(start(), day_path()))
    assert lines(ask(start(faults={"archive_no_header": 1.0}), day_path())) == rows
    found = lines(ask(start(faults={"archive_microseconds": 1.0}), day_path()))
    assert found[0] == header
    assert [int(row[0]) for row in found[1:]] == [int(row[0]) * 1000 for row in rows]
    assert [int(row[6]) for row in found[1:]] == [int(row[6]) * 1000 + 999 for row in rows]
    assert [row[1:6] for row in found[1:]] == [row[1:6] for row in rows]


def test_a_rate_hits_the_same_files_at_every_ask_and_not_all_of_them(start: Any) -> None:
    asker = start(faults={"archive_missing": 0.5})
    days = [day_path(day=f"2026-02-{day:02d}") for day in range(1, 21)]
    first = [ask(asker, day).status_code for day in days]
    assert set(first) == {200, 404}
    assert [ask(asker, f"{day}.CHECKSUM").status_code for day in days] == first


def test_faults_of_requests_reach_the_archive_when_they_are_told_to(start: Any) -> None:
    schedule = [{"fault": "http_503", "start_request": 1, "end_request": 1}]
    asker = start(faults={"schedule": schedule, "fault_paths": ["archive"]})
    assert asker.hours("binance", "BTCUSDT", FEBRUARY, FEBRUARY + DAY)
    assert [ask(asker, day_path()).status_code for _ in range(2)] == [503, 200]


def test_rates_outside_of_0_to_1_and_unknown_venues_are_refused(start: Any) -> None:
    asker = start()
    for faults, told in (
        ({"archive_missing": 1.5}, "faults.archive_missing"),
        (
            {"archive_differs": [{"venue": "mtgox", "symbol": "B", "hour": 0, "factor": 1}]},
            "faults.archive_differs",
        ),
    ):
        with pytest.raises(Exception, match=told):
            asker.simulator.control(faults=faults)
