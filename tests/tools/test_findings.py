"""The findings' numbers are those of the kept runs, and only marked places of a page are made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.runner.choices import Choices
from benchmarks.runner.grid import resolve
from benchmarks.runner.plan import Run
from benchmarks.runner.settings import Settings
from benchmarks.tables.registry import table
from benchmarks.views import journals
from benchmarks.views.tuning.search import at_best, searches
from tests.results.samples import finish, write
from tools import findings
from tools.findings import CHOSEN, Runs, block, filled, headline, paired, there
from tools.findings_list import BEST, FINDINGS, REPRODUCED, TUNED, Finding
from tools.findings_others import BUDGET, ReproducedTable, TunedRows

PAIR = Finding("pair", "Pairs", (), {"async_lu": "LU", "bp": "BP", "ddp": "DDP"}, (("async_lu", "bp"),))


def kept(out: Path, planned: Iterable[Run], best: Callable[[Run], float]) -> None:
    for run in planned:
        finish(out, run, best(run))


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
    assert paired(runs, "async_lu", "bp") == {0: -1.0, 1: -0.5}
    text = "\n".join(block(runs, PAIR))
    assert "| LU | 62.00 [57.03, 66.97] | 2.00 | 3 |" in text
    assert "| DDP | not run | not run | 0 |" in text
    assert "| LU less BP | -0.75 [-3.93, +2.43] | 2 | undecided |" in text


def test_an_interaction_is_the_difference_of_two_differences(tmp_path: Path) -> None:
    """Seed by seed: with x, b is 1 and 2 points above a; without it 4 and 6 points."""
    tops = {"a": [50.0, 50.0], "b": [54.0, 56.0], "ax": [40.0, 41.0], "bx": [41.0, 43.0]}
    known = Runs(
        {row: [write(tmp_path, [top], method=row, seed=n) for n, top in enumerate(t)] for row, t in tops.items()}
    )
    of = Finding("four", "", (), dict(zip(tops, tops, strict=True)), (), interactions=((("bx", "ax"), ("b", "a")),))
    assert "| (bx less ax) less (b less a) | -3.50 [-9.85, +2.85] | 2 | undecided |" in block(known, of)


def test_runs_of_other_settings_are_none_of_a_findings(tmp_path: Path) -> None:
    """Such as trials of `tune`, which have the same row and other rates."""
    one = next(one for one in FINDINGS if one.name == "methods")
    of = table("table1")
    rates: tuple[Settings, ...] = ({}, {"workload": {"schedule.lr": "0.2"}})
    planned = [resolve(of, replace(CHOSEN, seeds=(0,), settings=settings)).runs[0] for settings in rates]
    kept(tmp_path, planned, lambda run: 60.0 if run is planned[0] else 90.0)
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
    found = findings.together(findings.KEPT)
    shown = {one.name for one in FINDINGS if there(Runs.read(one, found), one)}
    assert names == shown | {other.one.name for other in findings.others(found)} | {"headline"}
    assert all(line.count("|") == 6 for line in headline(runs, FINDINGS[0]))


def test_a_reproduced_table_stands_beside_what_was_published(tmp_path: Path) -> None:
    one = replace(REPRODUCED[0], rows={"async_lu": "LU"})
    chosen = Choices(scale="paper", seeds=(0, 1, 2), settings={"workload": one.settings})
    planned = [run for run in resolve(table(one.table), chosen).runs if run.labels.row == "async_lu"]
    kept(tmp_path / "one", planned[:1], lambda run: 84.0)
    kept(tmp_path / "three", planned, lambda run: 84.0 + 0.01 * run.spec.seed)
    alone, three = (ReproducedTable(one, journals.read(tmp_path / name)) for name in ("one", "three"))
    assert alone.there
    assert "| LU | 85.15 ± 0.15 | 84.00 | 6.00 ± 1.00 | 1.00 | 49.30 ± 9.46 | 2.00 | 1 |" in alone.block()
    assert any(line.startswith("| LU | 85.15 ± 0.15 | 84.01 ± 0.01 (undecided) |") for line in three.block())


def test_tuned_rows_stand_at_either_rate(tmp_path: Path) -> None:
    """Async LU is best at the table's rate, DDP at twice it."""
    one = replace(TUNED[0], methods=("async_lu", "ddp"))
    of, chosen = (
        table(one.table),
        Choices(scale="small", seeds=(0, 1), methods=tuple(one.methods), networks=(one.network,)),
    )
    grid = resolve(of, chosen)
    own = grid.runs[0].work.schedule.lr

    def best(run: Run) -> float:
        at = run.work.schedule.lr / own
        return 50.0 + run.spec.seed % 3 - (3 * abs(at - 1) if run.spec.method.name == "async_lu" else abs(at - 2))

    kept(tmp_path, grid.runs, best)
    while True:
        found = journals.read(tmp_path)
        searched = searches(grid, BUDGET, found.of)
        missing = [run for search in searched for run in search.open] or [
            run for run in at_best(grid, searched).runs if found.of(run) is None
        ]
        if not missing:
            break
        kept(tmp_path, missing, best)
    rows = TunedRows(one, found)
    text = "\n".join(rows.block())
    assert rows.there
    assert f"| Async LU | {own:g} | 50.50 [44.15, 56.85] | {own:g} | 50.50 [44.15, 56.85] | 2 |" in text
    assert f"| DDP | {own:g} | 49.50 [43.15, 55.85] | {2 * own:g} | 50.50 [44.15, 56.85] | 2 |" in text
    assert "| Async LU less DDP | +1.00" in text
