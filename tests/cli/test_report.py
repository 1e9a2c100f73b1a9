"""`market-assets report`: a day's quality report without Dagster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ASK = ("ingest", "--venue", "binance", "--symbols", "BTCUSDT", "--from", "2026-02-01")


def test_a_report_of_a_day_is_written_where_it_is_wanted(cli: Any, tmp_path: Path) -> None:
    assert cli(*ASK, "--to", "2026-02-05").code == 0
    ran = cli("report", "--day", "2026-02-04", "--out", str(tmp_path / "out"))
    assert ran.code == 0, ran.said
    score, page, document = ran.out.split("\n")[:3]
    assert score.startswith("Score ")
    assert score.endswith("0 of 0 checks fail"), "none has judged yet, and that is told"
    assert Path(page) == tmp_path / "out" / "2026-02-04.html"
    told = json.loads(Path(document).read_text())
    [btc] = [s for s in told["symbols"] if (s["venue"], s["symbol"]) == ("binance", "BTCUSDT")]
    assert btc["days"][-1]["completeness"] == 1
    assert btc["parts"]["freshness"] == 1
    [binance] = [venue for venue in told["venues"] if venue["venue"] == "binance"]
    assert binance["score"] < btc["score"], "the settings ask for more symbols than were ingested"


def test_a_report_without_a_folder_goes_where_it_is_served(cli: Any, tmp_path: Path) -> None:
    assert cli(*ASK, "--to", "2026-02-02").code == 0
    assert cli("report", "--day", "2026-02-01").code == 0
    served = tmp_path / "state" / "sites" / "quality" / "report"
    assert (served / "index.html").read_text() == (served / "2026-02-01.html").read_text()


def test_a_day_that_has_not_begun_has_no_report(cli: Any) -> None:
    assert cli(*ASK, "--to", "2026-02-02").code == 0
    ran = cli("report", "--day", "2199-01-01")
    assert ran.code == 2
    ran.assert_one_clear_message()


def test_a_report_before_the_first_ingest_says_so(cli: Any) -> None:
    ran = cli("report")
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert "nothing is ingested yet" in ran.err
