"""Rows that are one algorithm, at the command line: trained once, shown twice, wherever rows are shown."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.commands import run as run_command
from benchmarks.runner.choices import Choices
from benchmarks.runner.processes import pool
from benchmarks.runner.resolve import grids, resolve
from benchmarks.tables.registry import table
from benchmarks.views import journals
from benchmarks.views.pages import pairwise_tests
from results.records import of_rows
from results.statistics.censoring import Times
from results.tracking.entries import entries
from tests.commands.commands import TINY, Cli, train_here, written

ROWS = ("--method=lapsgd@updaters=1,lppsgd@updaters=1", *(word for word in TINY if "seeds" not in word), "--seeds=2")
LAP, LPP = "lapsgd@updaters=1", "lppsgd@updaters=1"
NOTE = "LPPSGD, updaters 1 is trained as LAPSGD, updaters 1: the same algorithm with these options"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An `out` folder, to be copied, not changed: two rows of audit-updaters, with two seeds."""
    out = tmp_path_factory.mktemp("shared") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "train_all", train_here)
        assert main(["run", "audit-updaters", *ROWS, "--no-tracking", f"--out={out}", "--jobs=1"]) == 0
    return out


@pytest.fixture
def out(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "out")
    return tmp_path / "out"


def lines(path: Path, *columns: str) -> list[tuple[str, ...]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [tuple(line[column] for column in columns) for line in csv.DictReader(file)]


def cells(path: Path) -> dict[str, list[str]]:
    """Cells of a table, by the names of its rows."""
    own_columns = ("row", "method", "condition", "selection", "runs")
    with path.open(encoding="utf-8", newline="") as file:
        by_row: dict[str, list[str]] = {}
        for line in csv.DictReader(file):
            by_row.setdefault(line["row"], []).append(",".join(v for k, v in line.items() if k not in own_columns))
        return by_row


def run(cli: Cli, *arguments: str) -> str:
    output = cli.ok("run", "audit-updaters", *ROWS, "--no-tracking", "--out=out", "--jobs=1", *arguments)
    return output.out


def test_both_rows_have_the_runs(cli: Cli, out: Path) -> None:
    assert len(list((out / "runs").iterdir())) == 2
    by_row = cells(written(out, "audit-updaters.csv"))
    assert by_row[LAP] == by_row[LPP]
    assert NOTE in written(out, "audit-updaters.md").read_text(encoding="utf-8")
    rerun = run(cli)
    assert "2 runs, 2 of them done before" in rerun
    assert f"Note: {NOTE}" in rerun
    assert NOTE in cli("show", "audit-updaters", *ROWS, "--out=out").out.replace("\n", " ")


@pytest.mark.usefixtures("here")
def test_by_themselves_they_have_the_same_cells(cli: Cli, out: Path) -> None:
    shared = written(out, "audit-updaters.csv")
    shared_cells = cells(shared)
    assert "4 runs, 2 of them done before" in run(cli, "--no-alias")
    assert len(list((out / "runs").iterdir())) == 4
    (unaliased,) = set(out.glob("tables/*/audit-updaters.csv")) - {shared}
    assert cells(unaliased) == shared_cells == cells(shared), "both are there"
    assert "trained as" not in unaliased.with_suffix(".md").read_text(encoding="utf-8")


def test_the_report_and_export_show_both_rows(cli: Cli, out: Path) -> None:
    cli.ok("export", "--out=out")
    seeds = [(LAP, "lapsgd", "0"), (LPP, "lapsgd", "0"), (LAP, "lapsgd", "1"), (LPP, "lapsgd", "1")]
    assert sorted(lines(out / "export" / "runs.csv", "row", "method", "seed")) == sorted(seeds)
    cli.ok("report", "audit-updaters", *ROWS, "--out=out")
    (path,) = out.glob("report/smoke-virtual-paper-*/audit-updaters/index.html")
    page = path.read_text(encoding="utf-8")
    assert NOTE in page
    cli.ok("compare", "out", "out", "--csv=found.csv")
    assert set(lines(Path("found.csv"), "row", "verdict")) == {(LAP, "the same"), (LPP, "the same")}


def test_whoever_trains_one_row_names_the_other() -> None:
    """Whatever rows were asked for, since a journal is written once; under those that were asked for, if it can be."""
    chosen = Choices(seeds=(0,), networks=("resnet18",), methods=(LAP,))
    other_grids = list(grids(chosen.whole))
    (named,) = run_command._named(resolve(table("audit-updaters"), chosen).runs, other_grids)
    assert (named.labels.row, [other.row for other in named.labels.also]) == (LAP, [LPP])
    without_alias = replace(chosen, no_alias=True)
    (alone,) = run_command._named(
        resolve(table("audit-updaters"), without_alias).runs, list(grids(without_alias.whole))
    )
    assert not alone.labels.also


def test_a_journal_names_all_its_rows(out: Path) -> None:
    row_records = of_rows(journals.read(out).records)
    assert sorted((record.row, record.seed) for record in row_records) == [(LAP, 0), (LAP, 1), (LPP, 0), (LPP, 1)]
    assert [record.labels.method_title for record in row_records if record.elsewhere] == ["LPPSGD, updaters 1"] * 2


def test_each_row_is_tracked_with_its_seeds(out: Path) -> None:
    tracked_entries = entries(of_rows(journals.read(out).records), {}, {})
    assert len({entry.key for entry in tracked_entries}) == len(tracked_entries) == 2 * (1 + 2)
    parents = {entry.params["row"]: f"{entry.key}" for entry in tracked_entries if entry.key.startswith("ours:")}
    for row, parent in parents.items():
        assert sum(entry.parent == parent and entry.params["row"] == row for entry in tracked_entries) == 2
    assert parents.keys() == {LAP, LPP}


def test_a_row_is_not_tested_against_its_own_runs() -> None:
    slow, fast = Times([2.0, 2.1, 2.2]), Times([1.0, 1.1, 1.2])
    runs = {"LAP": {"a", "b"}, "LPP": {"a", "b"}, "LU": {"c"}}
    grid = pairwise_tests.tests_of("ResNet-18", "time", {"LAP": slow, "LPP": slow, "LU": fast}, [], runs)
    assert [row[:2] for row in grid.rows] == [("LU", "× 1.91"), ("LPP", "the same runs")]
    assert set(grid.rows[1][2:]) == {"–"}
