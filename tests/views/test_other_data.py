"""A folder that is not ImageNet-1k is called what it is, and nothing on it agrees with the paper or differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables.definition import Row
from benchmarks.tables.registry import table
from benchmarks.views import journals
from benchmarks.views.evidence import RunsEvidence
from benchmarks.views.journals import Journals
from benchmarks.views.notes import notes
from benchmarks.views.table import assemble
from benchmarks.views.table_runs import TableRuns, find_runs, other_data
from benchmarks.workloads.data.images import folder_tree
from results.published import ANY_ROW, TARGET, Published
from tests.results.samples import finish

ID = "table5"  # ImageNet's


@pytest.fixture(autouse=True)
def fresh() -> None:
    folder_tree.index.cache_clear()


def plant(folder: Path, classes: tuple[str, ...] = ("ant", "bee")) -> Path:
    for split, count in (("train", 40), ("val", 10)):
        for class_name in classes:
            (folder / split / class_name).mkdir(parents=True)
            for number in range(count):
                (folder / split / class_name / f"{number}.png").write_bytes(b"x")
    return folder


def table_runs(data: Path, scale: str = "paper", out: Path | None = None) -> TableRuns:
    choices = Choices(scale=scale, seeds=(0,), data=data)
    all_journals = journals.read(out) if out is not None else Journals()
    return find_runs(resolve(table(ID), choices), all_journals)


def test_classes_and_counts_are_in_the_runs_label_and_under_the_table(tmp_path: Path) -> None:
    shown_runs = table_runs(plant(tmp_path / "insects"))
    label = (
        "insects (a folder of images): 2 classes, 80 training and 20 test images "
        "(ImageNet-1k: 1,000 classes, 1,281,167 and 50,000)"
    )
    assert {run.labels.data_label for run in shown_runs.grid.runs} == {label}
    assert {run.labels.network_label for run in shown_runs.grid.runs} == {
        "ResNet-50 (width 64, imagenet stem) on 3x224x224 insects (a folder of images)"
    }
    result_table = assemble(shown_runs)
    assert {row.network_label for row in result_table.rows} == {shown_runs.grid.runs[0].labels.network_label}
    assert f"Data: {label}." in result_table.caveats
    (departure,) = (note for note in notes(shown_runs) if note.startswith("Departs from the paper scale in"))
    assert label in departure


def test_nothing_agrees_or_differs_and_no_claim_is_judged(tmp_path: Path) -> None:
    folder, out = plant(tmp_path / "insects"), tmp_path / "out"
    for scale in ("small", "paper"):
        for run in table_runs(folder, scale).grid.runs:
            finish(out, run)
    for scale in ("small", "paper"):
        shown_runs = table_runs(folder, scale, out)
        row = shown_runs.rows[0].key
        assert shown_runs.complete("resnet50", row)
        assert shown_runs.grid.other_data.startswith("insects (a folder of images): 2 classes")
        evidence = RunsEvidence(shown_runs.grid.condition, out, (shown_runs,))
        assert evidence.value(ID, "resnet50", row, "best_accuracy_percent") is None
        assert (
            other_data([shown_runs])
            == f"No claim is judged by {ID}, whose data are not the paper's: {shown_runs.grid.other_data}."
        )


def test_a_stand_in_says_that_it_is_one_and_claims_are_judged_at_its_scale(tmp_path: Path) -> None:
    shown_runs = table_runs(tmp_path, "smoke")
    assert "not the paper's data" in shown_runs.grid.other_data
    finish(tmp_path, shown_runs.grid.runs[0])
    shown_runs = table_runs(tmp_path, "smoke", tmp_path)
    evidence = RunsEvidence(shown_runs.grid.condition, tmp_path, (shown_runs,))
    assert evidence.value(ID, "resnet50", shown_runs.grid.runs[0].labels.row, "best_accuracy_percent") is not None
    assert other_data([shown_runs]) == ""


def test_part_of_the_samples_is_not_the_papers_data_at_its_scale(tmp_path: Path) -> None:
    def of(**settings: str) -> str:
        choices = Choices(scale="paper", seeds=(0,), settings={"workload": settings})
        return resolve(table("table1"), choices).other_data

    assert of() == ""
    assert of(train_samples="5000") == "5,000 training and 10,000 test samples of CIFAR-10, not 50,000 and 10,000"
    assert "standing in for CIFAR-10" in of(dataset="digits", train_samples="none", test_samples="none")


def test_nothing_published_stands_beside_losses_of_other_tokens() -> None:
    usual_tokens, other_tokens = {"tokens.context": "16"}, {"tokens.unit": "bytes"}
    grids = [
        resolve(table("lm"), Choices(seeds=(0,), settings={"workload": tokens}))
        for tokens in (usual_tokens, other_tokens)
    ]
    assert [bool(grid.published) for grid in grids] == [True, False]


def test_nothing_published_stands_beside_a_row_of_other_tokens() -> None:
    """Whichever row of the table that is; a target of all rows is then none."""
    definition = table("lm")
    other_rows = tuple(Row(row.method, row.options, workload={"tokens.unit": "bytes"}) for row in definition.rows[1:])
    value = Published(2.0, None, None, "theirs")
    keys = (*((row.key, "best_loss") for row in (*definition.rows[:1], *other_rows)), (ANY_ROW, TARGET))
    changed_table = replace(
        definition, rows=(*definition.rows[:1], *other_rows), values={("gpt", *key): value for key in keys}
    )
    assert set(resolve(changed_table, Choices(seeds=(0,))).published) == {("gpt", "bp", "best_loss")}
