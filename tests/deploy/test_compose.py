"""deploy/compose.yaml: valid by compose's schema, closed to the outside, nothing by default."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
import yaml
from compose_file import DEPLOY, FILE, NotSetError, compose_file, needed_variables

from market_assets.settings import load_settings
from market_assets.settings.variables import known_variables
from market_assets.stack.dagster_home import ENVIRONMENT, POSTGRES_ENVIRONMENT

GIVEN = {"IMAGE": "market-assets:1", "SITE_ADDRESS": "market.example.org", "TLS": "internal"}
OURS = ("code", "webserver", "daemon", "exporter")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = compose_file(GIVEN)["services"]
    return found


def test_it_is_valid_by_the_schema_of_the_compose_specification() -> None:
    """The schema comes with check-jsonschema; Docker itself is not needed."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, str(FILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", sorted(GIVEN))
def test_nothing_starts_without_what_has_to_be_decided(name: str) -> None:
    assert needed_variables() == set(GIVEN)
    with pytest.raises(NotSetError, match=name):
        compose_file({key: value for key, value in GIVEN.items() if key != name})


def test_the_example_of_the_environment_says_all_that_is_needed() -> None:
    text = (DEPLOY / ".env.example").read_text()
    assert needed_variables() <= set(re.findall(r"^([A-Z_]+)=\S", text, re.MULTILINE))
    optional = set(re.findall(r"^#([A-Z_]+)=", text, re.MULTILINE))
    assert optional <= set(re.findall(r"\$\{(\w+)", FILE.read_text()))


def test_only_the_proxy_is_published_and_postgres_cannot_reach_the_outside(
    services: dict[str, Any],
) -> None:
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    assert compose_file(GIVEN)["networks"]["inside"] == {"internal": True}
    for name in ("postgres", "daemon", "exporter"):
        assert services[name]["networks"] == ["inside"], name
    assert not any("network_mode" in service for service in services.values())


def test_no_password_stands_in_the_file_and_each_secret_is_a_file() -> None:
    document = compose_file(GIVEN)
    for name, secret in document["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
    told = [
        key
        for service in document["services"].values()
        for key in service.get("environment", {})
        if re.search("PASSW|SECRET|TOKEN", key)
    ]
    assert told == ["POSTGRES_PASSWORD_FILE"]
    ignored = (DEPLOY / "secrets" / ".gitignore").read_text().split()
    assert "*" in ignored


def test_every_service_is_read_only_without_privileges_with_bounded_logs_and_a_health_check(
    services: dict[str, Any],
) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] == "unless-stopped", name
        assert set(service["logging"]["options"]) == {"max-size", "max-file"}, name
        assert service["healthcheck"]["test"], name
        assert not service.get("privileged"), name
    given_back = {name: s["cap_add"] for name, s in services.items() if "cap_add" in s}
    # Caddy's image gives its binary this one by `setcap ...=+ep`, and the kernel starts no program
    # whose own capabilities are out of reach: with ALL dropped the proxy would never come up.
    assert given_back == {"proxy": ["NET_BIND_SERVICE"]}


def test_images_of_others_are_named_with_an_exact_version(services: dict[str, Any]) -> None:
    for name in ("postgres", "proxy"):
        tag = services[name]["image"].partition(":")[2]
        assert re.match(r"\d+\.\d+", tag), services[name]["image"]
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    major = services["postgres"]["image"].partition(":")[2].partition(".")[0]
    # pg_dump refuses a server that is newer than itself.
    assert f"postgresql-client-{major}" in dockerfile


def test_the_settings_that_it_gives_are_accepted(services: dict[str, Any]) -> None:
    for name in OURS:
        told = services[name]["environment"]
        unknown = [key for key in told if key.startswith("MARKET_ASSETS_")]
        assert set(unknown) <= set(known_variables()), name
        given = {**told, "MARKET_ASSETS_CONFIG": str(DEPLOY.parent / "platform.yaml")}
        settings = load_settings(environ=given)
        assert settings.dagster.storage == "postgres"
        assert settings.bigquery.project is None
        assert settings.ui_url == "https://market.example.org"
        assert (ENVIRONMENT | POSTGRES_ENVIRONMENT).items() <= told.items()


def test_volumes_and_files_that_are_mounted_exist(services: dict[str, Any]) -> None:
    named = set(compose_file(GIVEN)["volumes"])
    for service in services.values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert source in named or (DEPLOY / source).exists(), mount


def test_the_workspace_asks_the_code_server_of_this_file(services: dict[str, Any]) -> None:
    [location] = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())["load_from"]
    server = location["grpc_server"]
    told = services["webserver"]["environment"]
    assert (told[server["host"]["env"]], told[server["port"]["env"]]) == ("code", "4000")
    assert "--port 4000 " in " ".join(services["code"]["command"])
