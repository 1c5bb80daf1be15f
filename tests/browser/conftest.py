"""A Chromium of the machine, driven by playwright; where one of them is missing, tests are skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

OVERHANGING = """
() => {
  const scrolls = e => e && e !== document.body
    && (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(e).overflowX) || scrolls(e.parentElement))
  return [...document.body.querySelectorAll("*")]
    .filter(e => {
      const box = e.getBoundingClientRect()
      return box.width && box.right > document.documentElement.clientWidth + 1 && !scrolls(e.parentElement)
    })
    .map(e => e.outerHTML.slice(0, 100))
}
"""
"""Returns the elements of a page that reach beyond the screen's right edge and that no box of their own scrolls."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("no Chromium: name one with $CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield chromium
        chromium.close()
