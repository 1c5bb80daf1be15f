"""Runs with a validation split: the same training, metrics in each evaluation, and early stopping by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import methods
from benchmarks.papers.confounds.measured import audit
from benchmarks.runner.choices import Choices
from benchmarks.runner.evaluation_history import EvaluationHistory
from benchmarks.runner.plan import alone
from benchmarks.runner.resolve import resolve
from benchmarks.runner.training import Training, load_data
from benchmarks.tables.registry import table
from benchmarks.views.journals import read
from benchmarks.views.table_runs import find_runs
from benchmarks.workloads.workload import Workload, workload
from results.measures import MEASURES
from results.records import folder_of
from results.records.journal import Journal
from results.records.spec import ACCURACY
from results.statistics import at_best_validation, best, best_validation


def tiny(**settings: int) -> Workload:
    return workload("cifar10", "resnet20", "smoke", {"train_samples": 64, "test_samples": 20, "epochs": 2, **settings})


def trained(work: Workload, name: str = "bp") -> Training:
    method = methods.recorded(name, {})
    return Training(alone(work, method, executor="threads").spec, load_data(work, None), None)


def test_training_is_the_same_and_both_splits_are_evaluated() -> None:
    plain, validated = trained(tiny()).epoch(0), trained(tiny(validation=50)).epoch(0)
    added = {"validation_accuracy_percent", "validation_loss"}
    assert validated.keys() - plain.keys() == added
    assert {name: validated[name] for name in ("loss", "accuracy_percent", "train_loss")} == {
        name: plain[name] for name in ("loss", "accuracy_percent", "train_loss")
    }
    assert validated["validation_loss"] != validated["loss"]


def test_a_resumed_run_has_the_same_bits() -> None:
    original = trained(tiny(validation=50))
    first = original.epoch(0)
    checkpoint = original.checkpoint([first], 1.0)
    second, resumed_training = original.epoch(1), trained(tiny(validation=50))
    resumed_training.resume(checkpoint)
    resumed, names = resumed_training.epoch(1), ("loss", "train_loss", "validation_loss", "validation_accuracy_percent")
    assert [resumed[name] for name in names] == [second[name] for name in names]
    lacking = {name: value for name, value in first.items() if not name.startswith("validation_")}
    with pytest.raises(ValueError, match="validation_accuracy_percent"):
        resumed_training.resume(
            replace(checkpoint, progress=checkpoint.progress.model_copy(update={"evaluations": [lacking]}))
        )


def test_early_stopping_goes_by_validation() -> None:
    history = EvaluationHistory(epochs=10, patience=2, monitor=ACCURACY.monitor(100))
    for test, validation in ((10.0, 50.0), (20.0, 40.0), (30.0, 45.0)):
        assert history.goes_on
        history.evaluations.append({"accuracy_percent": test, "validation_accuracy_percent": validation})
    assert history.stopped_early


def test_a_validation_split_is_part_of_the_identity_only_if_set() -> None:
    plain, validated = (
        alone(tiny(**settings), methods.recorded("bp", {}), executor="threads") for settings in ({}, {"validation": 50})
    )
    assert "validation" not in plain.spec.workload.document()
    assert validated.spec.workload.validation == 50
    assert plain.id != validated.id


def test_the_value_at_the_best_validation_stands_beside_the_best(tmp_path: Path) -> None:
    chosen = Choices(seeds=(0,), networks=("resnet18",), methods=("bp",), settings={"workload": {"validation": "100"}})
    grid = resolve(table("table1"), chosen)
    for run in grid.runs:
        with Journal.create(
            folder_of(tmp_path, run.id), id=run.id, spec=run.spec, environment={}, labels=run.labels
        ) as journal:
            for epoch in range(1, 13):
                values = {"accuracy_percent": 50.0 + epoch, "validation_accuracy_percent": 70.0 - abs(epoch - 4)}
                seconds = {"virtual_seconds": float(epoch), "train_seconds": float(epoch)}
                journal.evaluation(epoch, 18 * epoch, {**values, **seconds})
            journal.end("finished", wall_seconds=20.0)
    table_runs = find_runs(grid, read(tmp_path))
    (record,) = table_runs.used
    assert [
        best_value.value
        for best_value in (of(record) for of in (best, best_validation, at_best_validation))
        if best_value
    ] == [*(62.0, 70.0, 54.0)]
    measure = MEASURES["accuracy_at_best_validation_percent"]
    assert measure.key in table_runs.table.measures
    assert measure.of(record) == 54.0


def test_the_audit_says_which_rows_have_another() -> None:
    cells = resolve(table("table1"), Choices(seeds=(0,), networks=("resnet18",))).cells
    changed = replace(cells[0], work=cells[0].work.model_copy(update={"validation": 100}))
    text = " ".join(audit([changed, *cells[1:]]).brief)
    assert "by 100 samples of validation" in text
    assert "by the test split" in text
