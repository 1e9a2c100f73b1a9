"""The set-up of a Google project: what it would do, what it does, and what it does a second time.

gcloud and bq are stand-ins that note their command lines: not proven is that Google accepts them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from compose_file import DEPLOY
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.settings.bigquery import BigQuerySettings
from market_assets.settings.orchestration import DagsterSettings

SCRIPT = DEPLOY / "google" / "set-up.sh"
PROJECT = "acme-market-data"
WRITER = f"serviceAccount:market-assets-writer@{PROJECT}.iam.gserviceaccount.com"
READER = f"serviceAccount:market-assets-reader@{PROJECT}.iam.gserviceaccount.com"
GRANT = "add-iam-policy-binding"
KEY = "projects/acme/locations/europe/keyRings/data/cryptoKeys/market"


class Google:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        programs = folder / "bin"
        programs.mkdir()
        source = Path(__file__).with_name("fake_google.py").read_text()
        for name in ("gcloud", "bq"):
            (programs / name).write_text(f"#!{sys.executable} -IS\n{source}")
            (programs / name).chmod(0o755)
        self.environment = {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "FAKE_GOOGLE": str(folder),
        }

    def set_up(self, *options: str) -> subprocess.CompletedProcess[str]:
        return _run(*options, environment=self.environment)

    @property
    def calls(self) -> list[list[str]]:
        """Everything that was said since the last look."""
        file = self.folder / "calls"
        found = [json.loads(line) for line in file.read_text().splitlines()]
        file.unlink()
        return found


def _run(*options: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPT), "--project", PROJECT, *options],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def google(tmp_path: Path) -> Google:
    return Google(tmp_path)


def test_without_apply_nothing_is_asked_and_everything_is_said(google: Google) -> None:
    done = google.set_up("--kms-key", KEY, "--kubernetes", "dagster/market-assets")
    assert (done.returncode, done.stderr) == (0, "")
    assert not (google.folder / "calls").exists()
    for wanted in (f"{PROJECT}:raw", "roles/bigquery.jobUser", KEY, "workloadIdentityUser"):
        assert wanted in done.stdout
    assert "Nothing was changed" in done.stdout


@dataclass(frozen=True)
class Applied:
    """Done twice with the same options: what was said, and which commands were run."""

    plan: str
    said: str
    first: list[list[str]]
    again: list[list[str]]
    folder: Path


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Applied:
    google = Google(tmp_path_factory.mktemp("google"))
    options = ("--prefix", "market_", "--kms-key", KEY, "--reader", "group:research@acme.org")
    plan = google.set_up(*options).stdout
    done = google.set_up("--apply", *options)
    assert done.returncode == 0, done.stderr
    first = google.calls
    assert google.set_up("--apply", *options).returncode == 0
    return Applied(plan, done.stdout, first, google.calls, google.folder)


def test_with_apply_it_does_what_it_said(applied: Applied) -> None:
    def commands(said: str) -> set[str]:
        # Files with a name of the moment and the project's number are not known before, and who
        # may read is written as it was read.
        other = ("/tmp", "authorize", "bigquery-encryption", "gs-project-accounts")
        lines = {line for line in said.splitlines() if line.startswith("+")}
        return {line for line in lines if not any(part in line for part in other)}

    assert commands(applied.plan) == commands(applied.said)
    assert len(commands(applied.plan)) > 20


def test_a_second_time_nothing_is_made_again(applied: Applied) -> None:
    assert sum(1 for call in applied.first if "mk" in call) == 6
    assert not [call for call in applied.again if {"mk", "create"} & set(call)]
    assert [call for call in applied.first if call[2:4] == ["update", "--source"]]
    assert not [call for call in applied.again if call[2:4] == ["update", "--source"]]


def test_each_account_gets_the_least_it_needs(applied: Applied) -> None:
    calls = applied.first
    grants = [call[-1] for call in calls if call[-1].startswith("GRANT")]
    assert {g for g in grants if WRITER in g} == {
        f'GRANT `roles/bigquery.dataEditor` ON SCHEMA `{PROJECT}.market_{name}` TO "{WRITER}"'
        for name in ("raw", "ops", "staging", "marts", "loads", "backups")
    }
    for member in (READER, "group:research@acme.org"):
        assert [g for g in grants if member in g] == [
            f'GRANT `roles/bigquery.dataViewer` ON SCHEMA `{PROJECT}.market_marts` TO "{member}"'
        ]
    bound = {
        (part.partition("=")[2], call[call.index(part) + 1].partition("=")[2])
        for call in calls
        if call[1:3] == ["projects", "add-iam-policy-binding"]
        for part in call
        if part.startswith("--member=")
    }
    assert bound == {
        (WRITER, "roles/bigquery.jobUser"),
        (WRITER, "roles/bigquery.readSessionUser"),
        (READER, "roles/bigquery.jobUser"),
        ("group:research@acme.org", "roles/bigquery.jobUser"),
    }
    # Logs are written, and Dagster looks for the bucket itself before: two roles, on it alone.
    on_bucket = [call for call in calls if call[1:4] == ["storage", "buckets", GRANT]]
    assert {(call[4], *call[5:7]) for call in on_bucket} == {
        (f"gs://{PROJECT}-market-assets", f"--member={WRITER}", f"--role=roles/storage.{role}")
        for role in ("objectUser", "legacyBucketReader")
    }
    assert not any(call[1:4] == ["iam", "service-accounts", "keys"] for call in calls)


def test_a_key_of_ones_own_encrypts_datasets_and_bucket(applied: Applied) -> None:
    made = [call for call in applied.first if "mk" in call]
    assert all(f"--default_kms_key={KEY}" in call for call in made)
    [bucket] = [call for call in applied.first if call[1:4] == ["storage", "buckets", "create"]]
    assert f"--default-encryption-key={KEY}" in bucket
    asked = [call[1:] for call in applied.first]
    users = [call for call in applied.first if call[1:3] == ["kms", "keys"]]
    # Google makes its two agents when they are asked for: before that they can be given nothing.
    first = applied.first.index(users[0])
    assert asked.index([f"--project_id={PROJECT}", "show", "--encryption_service_account"]) < first
    assert asked.index(["storage", "service-agent", f"--project={PROJECT}"]) < first
    assert [next(part for part in call if part.startswith("--member")) for call in users] == [
        f"--member=serviceAccount:{agent}.iam.gserviceaccount.com"
        for agent in ("bq-123456@bigquery-encryption", "service-123456@gs-project-accounts")
    ]


def test_marts_is_authorized_once_to_look_below(applied: Applied) -> None:
    file = applied.folder / f"access-{PROJECT}.market_raw"
    assert json.loads(file.read_text())["access"] == [
        {
            "dataset": {
                "dataset": {"projectId": PROJECT, "datasetId": "market_marts"},
                "targetTypes": ["VIEWS"],
            }
        }
    ]


def test_what_it_says_to_write_into_platform_yaml_is_accepted(google: Google) -> None:
    key = KEY.replace("/europe/", "/europe-west4/")
    said = google.set_up("--kms-key", key, "--location", "europe-west4").stdout
    told = yaml.safe_load(said[said.index("  warehouse:") :])
    read = BigQuerySettings.model_validate(told["bigquery"])
    assert (read.project, read.location, read.kms_key) == (PROJECT, "europe-west4", key)
    DagsterSettings.model_validate(told["dagster"])


@pytest.mark.parametrize(
    "options",
    [
        ("--location", "eu; rm -rf /"),
        ("--prefix", "a`b"),
        ("--reader", "anybody"),
        ("--label", "Team=x"),
        ("--daily-tib", "two"),
        ("--kms-key", "my-key"),
        ("--kms-key", KEY, "--location", "US"),
        ("--kms-key", KEY, "--location", "europe-west4"),
        ("--frobnicate", "x"),
        ("--bucket",),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_done(
    google: Google, options: tuple[str, ...]
) -> None:
    done = google.set_up("--apply", *options)
    assert done.returncode == 2
    assert "  -> " in done.stderr
    assert not (google.folder / "calls").exists()
    assert shutil.which("gcloud", path=google.environment["PATH"]) is not None


@settings(max_examples=30)
@given(st.text(alphabet="abc`\"';$()\n \\-_.@:", min_size=1, max_size=12))
def test_no_reader_can_break_out_of_the_grant(name: str) -> None:
    """Each member stands between quotes in SQL: whatever would close them is refused."""
    done = _run("--reader", f"user:{name}", environment={"PATH": os.environ["PATH"]})
    if done.returncode == 0:
        assert not set(name) & set("`\"';$()\n \\")
    else:
        assert "is not a member" in done.stderr
