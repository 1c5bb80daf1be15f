"""`run --until decided`: which pairs get seeds, and what is said of those that stay open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.commands.until import Pair, compared, verdict, wanted
from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from benchmarks.views.journals import Journals
from benchmarks.views.table_runs import TableRuns
from results.records import folder_of, read
from results.statistics.sequential import FIRST, LAST, given_up
from tests.commands.commands import TINY, Cli
from tests.results.samples import finish

GRID = resolve(table("table1"), Choices(scale="smoke", networks=("resnet18",), seeds=tuple(range(LAST))))
NONE = Journals((), ())


def pair(differences: Sequence[float]) -> Pair:
    baseline = next(cell for cell in GRID.cells if cell.row.key == "bp")
    return Pair(next(cell for cell in GRID.cells if cell.row.key == "async_lu"), baseline, differences)


def test_a_pair_wants_the_seeds_that_may_decide_it() -> None:
    assert pair([]).seeds_wanted == FIRST
    assert FIRST < pair([1.0, 3.0, 2.0, 0.2, 2.4]).seeds_wanted <= LAST
    assert pair([-1.0, 1.0, -1.1, 1.2]).seeds_wanted > LAST
    assert pair([5.0, 5.1, 4.9, 5.0]).decided


def test_a_pair_that_shows_nothing_gets_no_more_seeds() -> None:
    assert not wanted(pair([0.1, -0.2, 0.1, -0.1, 0.2, -0.1]))
    assert not wanted(pair([5.0, 5.1, 4.9, 5.0]))
    assert {run.spec.seed for run in wanted(pair([1.0, 3.0, 2.0, 0.2, 2.4, 1.1]))} == set(range(7))


def test_a_pair_that_the_last_test_leaves_open_is_not_said_to_show_nothing() -> None:
    """p is 0.14 with 12 seeds, where the last test asks for 0.025."""
    last = pair([2.0, -0.7] * 6)
    assert not last.decided
    assert not given_up(last.differences)
    assert not wanted(last)
    assert "given up" not in verdict(last, NONE)


@pytest.mark.parametrize(
    ("differences", "word"),
    [([5.0, 5.1, 4.9, 5.0], "more, decided with 4"), ([-5.0, -5.1, -4.9, -5.0], "less, decided with 4"), ([], "open")],
)
def test_the_verdict_names_its_direction(differences: Sequence[float], word: str) -> None:
    assert word in verdict(pair(differences), NONE)


def test_a_seed_without_a_value_ends_what_counts(tmp_path: Path) -> None:
    """Counts the first two of seeds 0, 1 and 3, and none of a row that was not run."""
    values = {"bp": {0: 60.0, 1: 61.0, 2: 62.0, 3: 63.0}, "async_lu": {0: 59.0, 1: 58.0, 3: 57.0}}
    cells, journals_read = {cell.row.key: cell for cell in GRID.cells}, {}
    for key, by_seed in values.items():
        runs = {run.spec.seed: run for run in cells[key].runs}
        for seed, accuracy in by_seed.items():
            finish(tmp_path, runs[seed], accuracy)
        journals_read[GRID.networks[0], key] = [
            read(folder_of(tmp_path, runs[seed].id) / "journal.jsonl") for seed in by_seed
        ]
    pairs = {pair.row.row.key: pair.differences for pair in compared(TableRuns(GRID, journals_read))}
    assert pairs["async_lu"] == [-1.0, -3.0]
    assert pairs["async_bu"] == []


def test_no_run_begins_after_the_hours(cli: Cli, tmp_path: Path) -> None:
    said = cli.ok(
        "run", "table1", "--until=decided", "--hours=1e-9", "--method=bp,async_lu", *TINY, f"--out={tmp_path}"
    )
    assert "open with 0 seeds" in said.out
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.parametrize("option", ["--hours=0", "--engine=slurm"])
def test_what_cannot_be_is_refused(cli: Cli, tmp_path: Path, option: str) -> None:
    cli.refused("run", "table1", "--until=decided", option, f"--out={tmp_path}")


def test_several_tables_are_refused(cli: Cli, tmp_path: Path) -> None:
    cli.refused("run", "table1", "table2", "--until=decided", f"--out={tmp_path}")
