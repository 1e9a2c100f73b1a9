"""What the image ships may be shipped, and the bill of materials names all of it with hashes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "deploy" / "requirements.lock"


def licences(lock: Path, *also_installed: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/check_licences.py", str(lock)],
        cwd=ROOT,
        env={"PYTHONPATH": os.pathsep.join(map(str, also_installed))},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_package_of_the_image_has_a_licence_that_allows_it():
    done = licences(SHIPPED)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("metadata", "allowed"),
    [
        ("License-Expression: MIT", True),
        ("License-Expression: GPL-3.0-only OR Apache-2.0", True),
        ("License-Expression: MIT AND GPL-3.0-only", False),
        ("License-Expression: AGPL-3.0-or-later", False),
        ("Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)", False),
        ("Classifier: License :: OSI Approved :: BSD License", True),
        ("License: GPL", False),
        ("Summary: says nothing about it", False),
    ],
)
def test_a_licence_that_would_bind_us_is_refused_by_name(
    metadata: str, allowed: bool, tmp_path: Path
):
    info = tmp_path / "made_up-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: made-up\nVersion: 1.0\n{metadata}\n"
    )
    lock = tmp_path / "some.lock"
    lock.write_text("made-up==1.0 \\\n    --hash=sha256:00\n")
    done = licences(lock, tmp_path)
    assert (done.returncode == 0) is allowed, done.stderr
    assert allowed or "made-up" in done.stderr


@pytest.mark.slow
def test_the_bill_of_materials_names_every_package_of_the_image_with_its_hashes(tmp_path: Path):
    """`make sbom`, with the command that stands in the Makefile."""
    [recipe] = re.findall(r"\$\(BIN\)/cyclonedx-py (.*?)-o build", MAKEFILE, re.DOTALL)
    target = tmp_path / "sbom.json"
    # Validating it against CycloneDX's schema takes ten seconds more: make sbom does it.
    given = [*recipe.replace("\\\n", " ").split(), "--no-validate"]
    subprocess.run(
        [Path(sys.executable).with_name("cyclonedx-py"), *given, "-o", target],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    bill = json.loads(target.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "market-assets"
    listed = {one["name"]: one for one in bill["components"]}
    locked = dict(re.findall(r"^(\S+)==(\S+)", SHIPPED.read_text(), re.MULTILINE))
    assert {name: one["version"] for name, one in listed.items()} == locked
    assert all(
        len(reference["hashes"][0]["content"]) == 64
        for one in listed.values()
        for reference in one["externalReferences"][:1]
    )


MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_every_requirement_is_pinned_with_its_hashes():
    for lock in (ROOT / "requirements.lock", SHIPPED):
        entries = re.split(r"^(?=[A-Za-z0-9])", lock.read_text(), flags=re.MULTILINE)[1:]
        assert entries
        for entry in entries:
            assert re.match(r"[\w.-]+==\S+", entry), entry[:80]
            assert "--hash=sha256:" in entry, entry[:80]


def test_nothing_is_installed_that_makes_every_start_of_dbt_slow():
    """A tool of the developers brought a package that cost 1.8 s where jsonschema is imported."""
    assert "\nrfc3987-syntax==" not in (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_check_runs_the_audit_the_licences_and_the_linter_of_shell_scripts():
    check = MAKEFILE.split("\ncheck:")[1].split("\n\n")[0]
    for part in ("audit_dependencies.py", "check_licences.py", "shellcheck"):
        assert part in check
