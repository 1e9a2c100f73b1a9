"""Secrets come from the environment only and are never shown."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from market_assets.errors import SettingsInvalid
from market_assets.settings import load_secrets, load_settings


@pytest.mark.parametrize(
    ("text", "variable"),
    [
        ("warehouse: {token: hunter2}", "MARKET_ASSETS_SECRET_WAREHOUSE_TOKEN"),
        ("secrets: {slack_url: hunter2}", "MARKET_ASSETS_SECRET_SLACK_URL"),
        ("alerts: {slack: {webhook: hunter2}}", "MARKET_ASSETS_SECRET_ALERTS_SLACK_WEBHOOK"),
        ("venues: {okx: {api_key: hunter2}}", "MARKET_ASSETS_SECRET_VENUES_OKX_API_KEY"),
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(
    tmp_path: Path, text: str, variable: str
) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(SettingsInvalid) as caught:
        load_settings(file, {})

    assert variable in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "venues: {okx: {base_url: 'https://me:hunter2@host'}}",
        "warehouse: {token: hunter2",
        "warehouse: {token: 'hunter2}",
    ],
)
def test_a_broken_file_does_not_show_its_secrets(tmp_path: Path, text: str) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(SettingsInvalid) as caught:
        load_settings(file, {})

    assert "hunter2" not in str(caught.value)


def test_secrets_are_read_by_name_and_masked() -> None:
    secrets = load_secrets(
        {"MARKET_ASSETS_SECRET_SLACK_URL": "hunter2", "MARKET_ASSETS_SECRET_EMPTY": "", "X": "y"}
    )

    assert dict(secrets) == {"slack_url": "hunter2"}
    assert repr(secrets) == str(secrets) == "Secrets(slack_url=***)"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secrets)


def test_a_secret_that_is_not_set_names_its_variable() -> None:
    with pytest.raises(SettingsInvalid, match="MARKET_ASSETS_SECRET_SLACK_URL"):
        load_secrets({}).require("slack_url", doing="Sending an alert")


def test_a_secret_variable_is_not_an_unknown_one(tmp_path: Path) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text("", encoding="utf-8")

    load_settings(file, {"MARKET_ASSETS_SECRET_ANYTHING": "x"})
