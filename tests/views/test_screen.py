"""A table fits on one screen, and says there all that it must say."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from benchmarks.views.journals import Journals
from benchmarks.views.table import assemble
from benchmarks.views.table_runs import find_runs
from reports.tables import texts
from reports.tables.screen import to_rich
from results.tables import ResultTable
from tests.views.runs import made

FAST, SLOW = (30.0, 50.0, 60.0, 70.0, 74.0, 76.0), (2.0, 5.0, 9.0, 13.0, 18.0, 20.0)


def shown(id: str, seeds: int = 3, **choices: Any) -> ResultTable:
    """The table with made-up runs, whose seeds differ a little."""
    chosen = Choices(seeds=tuple(range(seeds)), **choices)
    grid = resolve(table(id), chosen)
    records = []
    for run in grid.runs:
        offset = sum(map(ord, run.id)) % 97 / 50  # the same for rows of one run
        is_local, has_updaters = run.labels.row.startswith(("lap", "lpp")), "updaters" in run.labels.row
        curve = [accuracy / (2 if has_updaters else 1) + offset for accuracy in (SLOW if is_local else FAST)]
        records.append(made(run, "2026", curve=curve, pace=0.08 if has_updaters else 0.1))
    return assemble(find_runs(grid, Journals(tuple(records))))


def lines(result_table: ResultTable, width: int = 120) -> list[str]:
    console = Console(width=width, file=io.StringIO(), color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(to_rich(result_table))
    return capture.get().splitlines()


def test_table_3_fits_a_screen() -> None:
    """With the line of its files and MLflow's it has 40; one block of lines a network, no name of a row on two."""
    table3 = shown("table3")
    output = lines(table3)
    assert {texts.BOUNDS, texts.UNBOUNDED} < {*texts.legend(table3)}, "as much to explain as there may be"
    assert len(output) <= 38
    assert sum(line.startswith("Method ") for line in output) == 2
    assert sum(line.startswith("LAPSGD, updaters 2 ") for line in output) == 2


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        (
            {},
            ("scale smoke", "simulated", "paper-a", "n = 3 runs, weak", "differ in: batch", "no number is the paper's"),
        ),
        ({"settings": {"workload": {"precision": "bf16"}}}, ("Set: workload.precision=bf16.",)),
    ],
)
def test_what_qualifies_a_table_is_on_the_screen(choices: Mapping[str, Any], told: tuple[str, ...]) -> None:
    output = " ".join(line.strip() for line in lines(shown("table3", networks=("resnet18",), **choices)))
    assert [words for words in told if words not in output] == []


def test_rows_on_another_network_or_clock_say_so_in_full() -> None:
    """Whatever else moves to the files."""
    for id, sentence in (
        ("audit-stem", "imagenet stem (LAPSGD, LPPSGD with stem imagenet)"),
        ("v3-stragglers", "delayed: "),
    ):
        assert sentence in " ".join(line.strip() for line in lines(shown(id, 1)))


def test_all_of_it_is_in_the_notes() -> None:
    table3 = shown("table3")
    notes = texts.notes(table3)
    assert {*table3.caveats, *table3.notes} < {*notes}
    assert len(notes) == len(table3.caveats) + len(table3.notes) + len(table3.audit) + len(table3.published_audit)


def test_captions_name_rows_as_people_do() -> None:
    """The row that sets the target is one that no paper has: its label, not the syntax of --method."""
    captions = shown("table3", methods=("lapsgd@updaters=2",)).captions
    assert any("the best of LAPSGD, updaters 2" in line for line in captions)
    assert not any("@" in line or "--" in line for line in (*captions, *shown("table3", target=30.0).captions))
