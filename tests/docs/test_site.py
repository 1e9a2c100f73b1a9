"""The documentation is a site whose links hold, and whose words are in the dictionary."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AT_THE_TOP = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")
# What a page has a browser load of itself, as opposed to links that are followed by a click.
LOADED = re.compile(r"<(?:script|img|iframe|source)[^>]*src=[\"']?(?:https?:)?//[^>]*>")
MERMAID = re.compile(r"<pre[^>]*class=[\"']?mermaid[^>]*>")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        check=False,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_the_site_is_built_and_every_link_and_anchor_in_it_leads_somewhere(tmp_path: Path) -> None:
    done = run("mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "finish" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    pages = [page.read_text(encoding="utf-8") for page in (tmp_path / "site").rglob("*.html")]
    assert len(pages) > 30
    # Searching works where there is no server.
    assert (tmp_path / "site/search/search_index.js").read_text(encoding="utf-8")
    assert all("javascripts/iframe-worker.js" in page for page in pages)
    # With a diagram in it a page has the theme's script load Mermaid from another host.
    assert [found for page in pages for found in LOADED.findall(page) + MERMAID.findall(page)] == []


def test_the_site_fails_on_a_link_to_nowhere(tmp_path: Path) -> None:
    """Otherwise the test above proves nothing."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("[gone](gone.md)\n")
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    without_pages = settings.partition("\nnav:")[0]
    (tmp_path / "mkdocs.yml").write_text(without_pages)
    done = run("mkdocs", "build", "--strict", "--config-file", str(tmp_path / "mkdocs.yml"))
    assert done.returncode != 0
    assert "gone.md" in done.stderr


@pytest.mark.parametrize("page", AT_THE_TOP)
def test_every_file_that_a_page_at_the_top_links_to_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = [link for link in LINK.findall(text) if "://" not in link]
    assert [link for link in named if not (ROOT / link).exists()] == []


def test_no_word_is_misspelt() -> None:
    """What venues say wrong is quoted as it is: see [tool.codespell]."""
    done = run("codespell_lib", *AT_THE_TOP, "docs", "dbt_project/models", "examples")
    assert done.returncode == 0, done.stdout


def test_the_readme_is_read_in_one_go() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 200
