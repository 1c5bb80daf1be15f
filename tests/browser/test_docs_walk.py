"""Walks the site of the docs in a browser, from its files and without a network.

Needs mkdocs, playwright and Chromium (`tox run -e browser`); skipped where one of them is missing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import OVERHANGING

pytest.importorskip("mkdocs")

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.browser
SETTLED_MILLISECONDS = 60_000


@pytest.fixture(scope="module")
def site(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    return folder


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_screen(site: Path, browser: Any, width: int) -> None:
    """Wide tables, code and pictures scroll in boxes of their own."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    for path in sorted(site.rglob("*.html")):
        if "source" not in path.parts and path.name != "404.html":
            page.goto(path.as_uri(), timeout=SETTLED_MILLISECONDS)
            assert page.evaluate(OVERHANGING) == [], f"{path} at {width}"
    page.close()


def test_search_finds_a_method_without_a_network(site: Path, browser: Any) -> None:
    page = browser.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto((site / "index.html").as_uri())
    page.get_by_label("Search", exact=True).first.fill("PipeDream-2BW")
    first = page.locator(".md-search-result__link").first
    first.wait_for(timeout=SETTLED_MILLISECONDS)
    assert "methods/pipedream_2bw.html" in first.get_attribute("href")
    assert [url for url in requests if not url.startswith("file:")] == []
    page.close()


def test_a_newcomer_reaches_the_tutorial_by_one_click(site: Path, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((site / "index.html").as_uri())
    page.get_by_role("link", name="Tutorial").first.click()
    assert page.url.endswith("/tutorial.html")
    page.close()
