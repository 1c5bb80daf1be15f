"""Differences over budgets, from made-up runs: the table, the sentences, the picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.analyses import ladder
from benchmarks.analyses.definition import Finding, Request
from benchmarks.analyses.registry import analysis
from benchmarks.errors import UserError
from benchmarks.hardware import cards
from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from benchmarks.views.journals import Journals
from tests.views.runs import made
from tools.findings import grids
from tools.findings_list import Rungs

CHOSEN = Choices(scale="small", networks=("resnet18",))
BEHIND = {1: (5.0, 5.1, 4.9), 4: (4.0, 4.1, 3.9), 20: (2.9, 3.0, 3.1)}
"""Points by which Async LU is behind BP, at each budget, of three seeds."""


def journals(*budgets: int) -> Journals:
    records = []
    for budget in budgets:
        grid = resolve(table("table1"), replace(CHOSEN, budget=budget, methods=("bp", "async_lu")))
        for run in grid.runs:
            deficit = BEHIND[budget][run.spec.seed] if run.labels.row == "async_lu" else 0.0
            records.append(made(run, "2026", curve=(20.0, 60.0 + run.spec.seed - deficit)))
    return Journals(tuple(records))


def finding(tmp_path: Path, existing: Journals, **settings: str) -> Finding:
    experiment = analysis("ladder")
    request = Request(
        "small", CHOSEN.seeds, cards.load("paper-a"), (), ("resnet18",), experiment.options(settings), tmp_path
    )
    return experiment.run(replace(request, choices=CHOSEN, record_of=existing.of))


def test_a_deficit_that_shrinks_is_said_to_and_its_line_goes_on(tmp_path: Path) -> None:
    (result_table,) = finding(tmp_path, journals(1, 4, 20)).tables
    (row,) = result_table.rows
    values = [cell.measured.mean for cell in row.cells if cell.measured is not None]
    assert values[:3] == pytest.approx([-5.0, -4.0, -3.0])
    assert values[3] == pytest.approx(1.53, abs=0.05), "two points over 1.3 tenfolds"
    assert values[4] == pytest.approx(-1.9, abs=0.2), "at 102 times the samples"
    assert any("shrinks" in line and "forecast" in line for line in result_table.captions)


def test_without_other_budgets_it_is_open_and_without_runs_refused(tmp_path: Path) -> None:
    (result_table,) = finding(tmp_path, journals(1)).tables
    assert [cell.has_value for cell in result_table.rows[0].cells] == [True, False, False]
    assert any("open" in line for line in result_table.captions)
    with pytest.raises(UserError, match="--budget 20"):
        finding(tmp_path, Journals(()))


def test_a_finding_over_budgets_has_the_same_figures(tmp_path: Path) -> None:
    rungs = Rungs("rungs", "Over budgets", "table1", (("async_lu", "bp"),))
    of = list(ladder.ladders(grids(rungs), journals(1, 4, 20).of, rungs.pairs))
    head, _, line = ladder.lines(of)
    assert head.startswith("| | 1 x | 4 x | 20 x |")
    assert "| -5.00 [-5.25, -4.75], n = 3 |" in line
    assert "| shrinks |" in line
    _, svg, _ = ladder.draw(of, tmp_path / "drawn", "Over budgets")
    assert svg.exists()
