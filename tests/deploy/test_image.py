"""The image: its Dockerfile, what it copies, its lock, and what a container does first."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from compose_file import DEPLOY

ROOT = DEPLOY.parent
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
VARIABLE = "MARKET_ASSETS_SECRET_SLACK_URL"


def test_the_dockerfile_passes_hadolint() -> None:
    command = [str(Path(sys.executable).with_name("hadolint")), str(DEPLOY / "Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_it_copies_only_what_is_there_and_what_the_ignore_file_lets_in() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert set(copied) == let_in
    assert all((ROOT / source).exists() for source in copied)
    assert "*" in ignored


def test_it_runs_as_nobody_special_and_leaves_no_installer_behind() -> None:
    _build, final = DOCKERFILE.split("\nFROM ", 2)[1:]
    assert "USER 10001:10001" in final
    assert "pip uninstall --yes --quiet pip" in final
    assert "--require-hashes --only-binary :all:" in DOCKERFILE


def _pins(file: Path) -> set[tuple[str, str]]:
    """A package may be there twice, for other versions of Python."""
    return set(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", file.read_text(), re.MULTILINE))


def test_its_lock_has_the_versions_of_the_projects_lock_and_no_tool_of_development() -> None:
    image, project = _pins(DEPLOY / "requirements.lock"), _pins(ROOT / "requirements.lock")
    assert image <= project
    names = {name for name, _version in image}
    assert {"dagster", "dagster-postgres", "dagster-k8s", "duckdb"} <= names
    assert not {"pytest", "playwright", "mypy", "ruff", "uv"} & names
    lines = (DEPLOY / "requirements.lock").read_text().splitlines()
    pins = [n for n, line in enumerate(lines) if "==" in line]
    assert all("--hash=sha256:" in lines[n + 1] for n in pins)


@pytest.fixture
def container(tmp_path: Path) -> dict[str, str]:
    """The environment of a container, with folders of this machine."""
    for name in ("state", "home", "secrets", "parsed/dbt"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "secrets" / "slack_url").write_text("slack://a$(touch /tmp/x)`b`\n")
    (tmp_path / "parsed" / "dbt" / "manifest.json").write_text("{}")
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "SECRETS_FOLDER": str(tmp_path / "secrets"),
        "PARSED_FOLDER": str(tmp_path / "parsed"),
        "MARKET_ASSETS_STATE_DIR": str(tmp_path / "state"),
        "DAGSTER_HOME": str(tmp_path / "home"),
    }


def _entered(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(DEPLOY / "entrypoint.sh"), *command],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_container_gets_its_secrets_dagsters_settings_and_the_parsed_project(
    container: dict[str, str], tmp_path: Path
) -> None:
    done = _entered(container, "printenv", VARIABLE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "slack://a$(touch /tmp/x)`b`\n", "what a file holds is never a command"
    assert (tmp_path / "home" / "dagster.yaml").exists()
    assert (tmp_path / "state" / "dbt" / "manifest.json").exists()
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["dbt"]


def test_a_variable_that_is_set_wins_over_the_file(container: dict[str, str]) -> None:
    assert _entered({**container, VARIABLE: "mine"}, "printenv", VARIABLE).stdout == "mine\n"


def test_a_container_without_the_password_of_postgres_says_so_and_does_not_start(
    container: dict[str, str],
) -> None:
    done = _entered({**container, "MARKET_ASSETS_DAGSTER__STORAGE": "postgres"}, "echo", "started")
    assert done.returncode == 2
    assert "MARKET_ASSETS_SECRET_DAGSTER_POSTGRES_PASSWORD" in done.stderr
    assert "started" not in done.stdout
    assert "slack://" not in done.stderr


def test_in_kubernetes_dagsters_settings_are_the_charts_and_nothing_is_written(
    container: dict[str, str], tmp_path: Path
) -> None:
    """The chart sets DAGSTER_HOME for the code server to a folder that nobody can make there."""
    (tmp_path / "file").touch()
    homes = {"a run": tmp_path / "home", "the code server": tmp_path / "file" / "dagster_home"}
    (homes["a run"] / "dagster.yaml").write_text("mounted: true\n")
    for name, home in homes.items():
        pod = {**container, "DAGSTER_HOME": str(home), "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
        done = _entered(pod, "echo", "started")
        assert (done.returncode, done.stdout, done.stderr) == (0, "started\n", ""), name
    assert (homes["a run"] / "dagster.yaml").read_text() == "mounted: true\n"
