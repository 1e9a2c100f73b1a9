"""`alerts list | show | ack | test`, and what they say when asked wrongly."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "alerts"))

from alert_support import Webhook, logged, settings_for, verdict

from market_assets.alerts.desk import Desk
from market_assets.settings import Secrets
from market_assets.warehouse.ducklake import DuckLakeWarehouse

NOW = datetime.now(UTC) - timedelta(minutes=10)
ODD = "[/x] 12 % of [b]candles[/b]"


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with Webhook() as receiver:
        yield receiver


@pytest.fixture
def fired(cli: Any, lake: DuckLakeWarehouse, tmp_path: Path) -> Any:
    """One alert fires, another has been resolved."""
    with Desk(settings_for(tmp_path, {}), Secrets({})) as desk:
        desk.tell([verdict(text=ODD), verdict(rule="error_rate")], NOW)
        desk.tell([verdict(text=ODD), verdict("ok", rule="error_rate")], NOW)
    return cli


def test_what_fires_is_listed_shown_and_acknowledged(fired: Any, lake: DuckLakeWarehouse) -> None:
    [alert] = lake.alerts(open_only=True)
    prefix = alert.alert_id[:8]
    listed = fired("alerts", "list")
    assert listed.code == 0
    assert prefix in listed.out
    assert ODD in listed.out
    assert "Error rate" not in listed.out
    assert "Error rate" in fired("alerts", "list", "--all").out
    assert "--limit 0" in fired("alerts", "list", "--all", "--limit", "1").out

    taken = fired("alerts", "ack", prefix, "--because", "the venue knows [7]", "--by", "ada")
    assert (taken.code, f"{prefix} acknowledged" in taken.out) == (0, True)
    assert lake.alert_named(prefix).state == "acknowledged"
    again = fired("alerts", "ack", prefix)
    assert (again.code, "acknowledged before by ada: nothing to do" in again.out) == (0, True)

    told = fired("alerts", "show", prefix).out
    for fact in (alert.alert_id, ODD, "acknowledged", "ada", "the venue knows [7]", "log", "sent"):
        assert fact in told
    row = json.loads(fired("alerts", "list", "--json").out)
    assert (row["alert_id"], row["state"]) == (alert.alert_id, "acknowledged")
    known = json.loads(fired("alerts", "show", prefix, "--json").out)
    assert [change["change"] for change in known["changes"]] == ["fired", "acknowledged"]
    assert [message["outcome"] for message in known["messages"]] == ["sent"]


def test_a_wrong_question_gets_one_clear_message(fired: Any, lake: DuckLakeWarehouse) -> None:
    [over] = [alert for alert in lake.alerts() if alert.state == "resolved"]
    for arguments, told in (
        (("show", "ffffffffffff"), "no alert has an id that begins with"),
        (("ack", "ff"), "too short"),
        (("ack", over.alert_id), "is resolved, not firing"),
        (("test", "--channel", "chat"), "there is no channel 'chat'"),
    ):
        ran = fired("alerts", *arguments)
        assert ran.code == 2, arguments
        ran.assert_one_clear_message()
        assert told in ran.err


def test_an_id_that_names_several_is_refused(fired: Any, lake: DuckLakeWarehouse) -> None:
    from dataclasses import replace

    twins = [replace(a, alert_id=f"abcd{a.alert_id}", key=f"{a.key}/2") for a in lake.alerts()]
    lake.record_alerts(twins, ())
    ran = fired("alerts", "ack", "abcd")
    assert ran.code == 2
    assert "2 alerts have ids that begin with 'abcd'" in ran.err


def test_looking_before_anything_is_stored_says_so(cli: Any, tmp_path: Path) -> None:
    for command in (("list",), ("ack", "abcdef")):
        ran = cli("alerts", *command)
        assert ran.code == 2
        ran.assert_one_clear_message()
    assert not (tmp_path / "warehouse").exists()


def test_a_test_message_goes_to_each_channel_and_each_answer_is_told(
    cli: Any,
    hook: Webhook,
    lake: DuckLakeWarehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text(
        "alerts: {channels: [{name: chat, url_secret: chat_url}, {name: mail, url_secret: m_url}]}"
    )
    monkeypatch.setenv("MARKET_ASSETS_SECRET_CHAT_URL", hook.url)
    ran = cli("alerts", "test", "--config", str(file))
    assert ran.code == 2
    assert "log: sent" in ran.out
    assert "chat: sent" in ran.out
    assert "mail: failed: the secret m_url is not set" in ran.out
    assert hook.titles == ["Test of the alert channel chat"]
    assert logged(tmp_path)[0]["kind"] == "test"
    assert {name: d.outcome for name, d in lake.alert_book().channels.items()} == {
        "log": "sent",
        "chat": "sent",
        "mail": "given_up",
    }
    only = cli("alerts", "test", "--channel", "chat", "--config", str(file))
    assert only.code == 0
    assert len(hook.received) == 2
    hook.status = 500
    refused = cli("alerts", "test", "--channel", "chat", "--config", str(file))
    assert refused.code == 2
    assert "Tr0ub4dor" not in ran.said + refused.said
    assert "error=500" in refused.out


def test_messages_that_did_not_arrive_are_listed(
    cli: Any, hook: Webhook, lake: DuckLakeWarehouse, tmp_path: Path
) -> None:
    hook.status = 500
    with Desk(settings_for(tmp_path, {"ops": hook.url}), Secrets({"ops_url": hook.url})) as desk:
        desk.tell([verdict()], NOW)
    told = cli("alerts", "list").out
    assert "Messages that have not arrived" in told
    assert "failed" in told
    assert "error=500" in told
