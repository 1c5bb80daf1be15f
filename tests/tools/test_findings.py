"""The findings' numbers are those of the kept runs, and only marked places of a page are made anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.runner import plan
from benchmarks.runner.settings import Settings
from benchmarks.tables.registry import table
from benchmarks.views import journals
from results import reproductions
from results.records.journal import Journal, folder_of
from tests.results.samples import write
from tools import findings
from tools.findings import CHOSEN, Runs, block, filled, headline, paired, there
from tools.findings_list import BEST, FINDINGS, Finding

PAIR = Finding("pair", "Pairs", (), {"async_lu": "LU", "bp": "BP", "ddp": "DDP"}, (("async_lu", "bp"),))


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """Async LU with three seeds, BP with two of them."""
    best = {"async_lu": [60.0, 62.0, 64.0], "bp": [61.0, 62.5]}
    return Runs(
        {
            row: [write(tmp_path, [10.0, top], method=row, seed=seed) for seed, top in enumerate(tops)]
            for row, tops in best.items()
        }
    )


def test_differences_are_taken_seed_by_seed(runs: Runs) -> None:
    assert paired(runs, "async_lu", "bp") == [-1.0, -0.5]
    text = "\n".join(block(runs, PAIR))
    assert "| LU | 62.00 [57.03, 66.97] | 2.00 | 3 |" in text
    assert "| DDP | not run | not run | 0 |" in text
    assert "| LU less BP | -0.75 [-3.93, +2.43] | 2 | undecided |" in text


def test_runs_of_other_settings_are_none_of_a_findings(tmp_path: Path) -> None:
    """Such as trials of `tune`, which have the same row and other rates."""
    one = next(one for one in FINDINGS if one.name == "methods")
    of = table("table1")
    rates: tuple[Settings, ...] = ({}, {"workload": {"schedule.lr": "0.2"}})
    planned = [plan.runs(of, replace(CHOSEN, seeds=(0,), settings=settings))[0] for settings in rates]
    for run, best in zip(planned, (60.0, 90.0), strict=True):
        folder = folder_of(tmp_path, run.id)
        with Journal.create(folder, id=run.id, spec=run.spec, environment={}, labels=run.labels) as journal:
            journal.evaluation(1, 20, {"accuracy_percent": best, "virtual_seconds": 2.0, "train_seconds": 3.0})
            journal.end("finished")
    found = Runs.read(one, journals.read(tmp_path))
    assert found.values(planned[0].labels.row, BEST) == {0: 60.0}


def test_of_one_seed_nothing_is_said(runs: Runs) -> None:
    assert findings.cell([60.0]) == "60.00"
    assert findings.verdict(None) == "one seed"


def test_only_marked_places_change() -> None:
    page = "a\n<!-- pair -->\nold\n<!-- end -->\nb\n"
    assert filled(page, {"pair": "new"}) == "a\n<!-- pair -->\nnew\n<!-- end -->\nb\n"
    with pytest.raises(KeyError):
        filled(page, {})


def test_the_pages_say_what_the_kept_runs_say() -> None:
    """`python tools/findings.py` makes them anew."""
    assert findings.main(["--check"]) == 0


def test_pages_have_a_place_for_every_finding(runs: Runs) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in findings.PAGES)
    names = {name for _, name, _ in findings.MARKED.findall(text)}
    found = journals.read(reproductions.FOLDER / "small")
    assert names == {one.name for one in FINDINGS if there(Runs.read(one, found), one)} | {"headline"}
    assert all(line.count("|") == 6 for line in headline(runs, FINDINGS[0]))
