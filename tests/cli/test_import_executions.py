"""`market-assets import-executions` as a user types it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

ROWS = (
    "execution_id,timestamp,symbol,venue,side,price,quantity\n"
    "a1,2026-02-01T10:00:00Z,BTCUSDT,binance,buy,50000,0.5\n"
    "a2,2026-02-01T11:00:00Z,BTCUSDT,okx,hold,50000,0.5\n"
)


def test_files_a_folder_or_the_default_folder(cli: Any, tmp_path: Path):
    folder = tmp_path / "state" / "executions"
    folder.mkdir(parents=True)
    file = folder / "fills.csv"
    file.write_text(ROWS)
    first = cli("import-executions", str(file))
    assert (first.code, first.err) == (0, "")
    assert "1 files, 2 rows: 1 stored, 0 corrected, 0 unchanged, 1 quarantined" in first.out
    assert "Quarantined: 1 unknown_side (raw.quarantine)" in first.out
    for arguments in ((), ("--folder", str(folder))):
        again = cli("import-executions", *arguments)
        assert again.code == 0
        assert "0 stored, 0 corrected, 1 unchanged, 1 quarantined" in again.out


def test_what_makes_no_sense_is_one_message_and_ends_with_2(cli: Any, tmp_path: Path):
    ran = cli("import-executions")
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert "there is no folder" in ran.err
    file = tmp_path / "fills.csv"
    file.write_text(ROWS.replace("okx", "kraken"))
    ran = cli("import-executions", str(file))
    assert ran.code == 2
    ran.assert_one_clear_message()
    assert cli("import-executions", str(tmp_path / "nothing.csv")).code == 2
