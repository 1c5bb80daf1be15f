"""MLflow's UI as a person meets it: the chart, the experiment, the compare page, ours beside the paper's.

Needs playwright, Chromium and mlflow (`tox run -e browser`); skipped where one of them is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.runner.processes import pool
from results import tracking
from results.tracking import serving
from tests import needs
from tests.commands.commands import TINY, train_here

pytestmark = [pytest.mark.browser, needs.mlflow]
SETTLED_MILLISECONDS = 60_000


@pytest.fixture(scope="module")
def store(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Async LU and BP of Table 1, tracked."""
    folder = tmp_path_factory.mktemp("ui")
    uri = f"sqlite:///{folder}/mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "train_all", train_here)
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        patch.chdir(folder)
        assert main(["run", "table1", "--method=async_lu,bp", "--jobs=1", *TINY]) == 0
    return uri


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    yield page
    page.close()


def test_a_chart_lays_ours_beside_the_papers(store: str, page: Any) -> None:
    """Its bars are those of the runs in the list beside it, in the order of the rows; no other chart is above it."""
    shelf = tracking.tracked(store, ("ours", "paper"))
    runs = [entry for entry in shelf if entry.row in ("async_lu", "bp") and entry.network == "resnet18"]
    view = tracking.keep_chart(store, "table1-resnet18", "Table 1", runs, ["best_accuracy_percent"])
    with serving.server(store, 0) as server:
        server.wait_until_ready()
        page.goto(serving.chart_link(server.url, runs[0].experiment_id, view))
        page.get_by_text("Table 1").first.wait_for(timeout=SETTLED_MILLISECONDS)
        page.get_by_text("best_accuracy_percent").first.wait_for(timeout=SETTLED_MILLISECONDS)
        page.locator(".barlayer .point").first.wait_for(timeout=SETTLED_MILLISECONDS)
        bars = sum("best_accuracy_percent" in run.metrics for run in runs)
        assert page.locator(".barlayer .point").count() == bars >= 3
        names = [text for text in page.locator("a").all_inner_texts() if ", resnet18" in text]
        assert [label.partition(",")[0] for label in names] == [
            "async_lu ours",
            "async_lu paper",
            "bp ours",
            "bp paper",
        ]


def test_ours_stands_beside_the_papers(store: str, page: Any, tmp_path: Path) -> None:
    shelf = tracking.tracked(store, ("ours", "paper"))
    compared = [next(run for run in shelf if (run.kind, run.row) == (kind, "async_lu")) for kind in ("ours", "paper")]
    with serving.server(store, 0) as server:
        assert server.url.startswith("http://127.0.0.1:")
        server.wait_until_ready()
        page.goto(serving.compare_link(server.url, compared))
        for name in ("async_lu ours, resnet18, 1 seed", "async_lu paper, resnet18"):
            page.get_by_text(name).first.wait_for(timeout=SETTLED_MILLISECONDS)
        metric = page.get_by_text("best_accuracy_percent").first
        metric.wait_for(state="attached", timeout=SETTLED_MILLISECONDS)
        page.goto(serving.experiment_link(server.url, compared[0].experiment_id, view=compared[0].view))
        for column in ("best_accuracy_percent", "time_to_target_seconds"):
            page.get_by_text(column).first.wait_for(timeout=SETTLED_MILLISECONDS)
        page.get_by_text("bp ours, resnet18, 1 seed").first.wait_for(timeout=SETTLED_MILLISECONDS)
