"""Walks every page of a report and a leaderboard in a browser, as wide as a desk's screen and as a phone's.

Needs playwright, axe's script and Chromium (`tox run -e browser`); skipped where one of them is missing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from tests.browser.conftest import OVERHANGING
from tests.commands.commands import TINY, train_here
from tests.views.test_submissions import Maker

axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = pytest.mark.browser
WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def site(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Makes a report of a small table, a figure and an analysis, and a leaderboard beside it."""
    from benchmarks.runner.processes import pool

    out = tmp_path_factory.mktemp("walk") / "out"
    tiny = [*(setting for setting in TINY if "samples" not in setting), "--set=workload.train_samples=256"]
    tiny += ["--set=workload.optimizer.weight_decay=0.001", "--set=workload.schedule.warm_up_epochs=0.5"]  # a long name
    speedup_settings = ["--set=speedup.batches=4,16", "--set=speedup.betas=2", "--set=speedup.workers=2"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "train_all", train_here)
        common = ["--no-tracking", f"--out={out}", "--jobs=1"]
        assert main(["run", "table1", "--method=async_lu,bp", *common, *tiny]) == 0
        assert main(["run", "speedup", *common, *speedup_settings]) == 0
        assert main(["report", "table1", "speedup", f"--out={out}", *tiny]) == 0
    make = Maker(out.parent / "bundles")
    for name in ("first.zip", "second.zip"):
        make(name)
    (make.folder / "refused.zip").write_bytes(b"no archive")
    assert main(["leaderboard", str(make.folder), f"--out={out}"]) == 1
    return out / "report"


def pages(site: Path) -> list[Path]:
    return sorted([*site.rglob("*.html"), *(site.parent / "leaderboard").glob("*.html")])


def listen(page: Any, complaints: list[str]) -> None:
    def console(message: Any) -> None:
        if message.type == "error":
            complaints.append(message.text)

    page.on("console", console)
    page.on("pageerror", lambda error: complaints.append(str(error)))


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_sound(site: Path, browser: Any, width: int) -> None:
    """No console errors, pictures that load, links that lead somewhere, nothing wider than the screen."""
    assert len(pages(site)) >= 4
    for path in pages(site):
        page = browser.new_page(viewport={"width": width, "height": 900})
        complaints: list[str] = []
        listen(page, complaints)
        page.goto(path.as_uri())
        assert complaints == [], path
        broken = page.eval_on_selector_all("img", "images => images.filter(i => !i.naturalWidth).map(i => i.src)")
        assert broken == [], path
        for link in page.eval_on_selector_all("a[href]", "links => links.map(link => link.getAttribute('href'))"):
            target = link.split("#")[0]
            if target and "://" not in target:
                assert (path.parent / target).exists(), f"{path}: {link}"
        assert page.evaluate(OVERHANGING) == [], f"{path} at {width}"
        page.close()


def test_axe_finds_no_serious_fault(site: Path, browser: Any) -> None:
    for scheme in ("light", "dark"):
        for path in pages(site):
            page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
            page.goto(path.as_uri())
            violations = axe.Axe().run(page).response["violations"]
            serious = [fault["id"] for fault in violations if fault["impact"] in ("serious", "critical")]
            assert serious == [], f"{path} ({scheme})"
            page.close()


def test_a_keyboard_reaches_the_tables(site: Path, browser: Any) -> None:
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "A"
    page.close()
