"""Budgets of scale small: more data and epochs, under a schedule of the same shape."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.commands.every_condition import at_conditions
from benchmarks.errors import USER_ERRORS, UserError
from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables import registry
from benchmarks.tables.registry import table
from benchmarks.views.journals import Journals
from benchmarks.views.notes import captions
from benchmarks.workloads.workload import workload
from results.tracking.entries import entries
from tests.results.samples import finish, records
from tests.views.runs import made

SMALL = Choices(scale="small", seeds=(0,), networks=("resnet18",), methods=("bp", "async_lu"))


@pytest.mark.parametrize(("budget", "samples", "epochs"), [(1, 6144, 12), (4, 12288, 24), (20, 44928, 33)])
def test_data_and_epochs_grow_and_the_schedule_keeps_its_shape(budget: int, samples: int, epochs: int) -> None:
    work, plain = workload("cifar10", "resnet18", "small", budget=budget), workload("cifar10", "resnet18", "small")
    assert (work.train_samples, work.epochs, work.patience) == (samples, epochs, epochs)
    assert work.schedule.t_max / epochs == pytest.approx(plain.schedule.t_max / 12)
    assert work.schedule.warm_up_epochs / epochs == pytest.approx(1 / 12)
    steps = workload("cifar10", "resnet20", "small", budget=budget)
    assert [epoch / steps.epochs for epoch in steps.schedule.milestones] == pytest.approx([0.5, 0.8])
    grown = {"train_samples", "epochs", "patience", "schedule"}
    assert work.model_dump(exclude=grown) == plain.model_dump(exclude=grown)


@pytest.mark.parametrize("budget", [4, 20])
def test_samples_fill_the_batches_of_every_row_on_all_of_its_devices(budget: int) -> None:
    tried = 0
    for definition in map(table, registry.IDS):
        try:
            cells = resolve(definition, Choices(scale="small", budget=budget, seeds=(0,))).cells
        except USER_ERRORS:  # its data have no such budget
            continue
        tried += len(cells)
        assert {
            (cell.work.train_samples or 1) % (cell.work.batch * cell.method.trained_replicas) for cell in cells
        } == {0}
    assert tried > 100


def test_an_impossible_budget_is_refused() -> None:
    """At another scale, with more data than exist, with a folder that is used up, or against a setting."""
    for scale, family, network in (
        ("smoke", "cifar10", "resnet18"),
        ("paper", "cifar10", "resnet18"),
        ("small", "imdb", "lstm"),
        ("small", "imagenet", "resnet50"),
    ):
        with pytest.raises(UserError, match="--budget 20"):
            workload(family, network, scale, budget=20)
    assert workload("tinyshakespeare", "gpt", "small", budget=20).train_samples == 22032, "windows may overlap"
    with pytest.raises(UserError, match=r"workload\.epochs"):
        workload("cifar10", "resnet18", "small", {"epochs": "2"}, budget=4)


def test_runs_at_a_budget_are_other_runs_and_say_so(tmp_path: Path) -> None:
    plain, longer = (resolve(table("table1"), replace(SMALL, budget=budget)) for budget in (1, 4))
    assert not {run.id for run in plain.runs} & {run.id for run in longer.runs}
    assert (plain.size, longer.size) == ("small", "small, 4 times the samples")
    for run in (plain.runs[0], longer.runs[0]):
        finish(tmp_path, run)
    names = [entry.name for entry in entries(records(tmp_path), {}, {}) if entry.key.startswith("run:")]
    assert ["4 times the samples" in name for name in names] == [False, True]


def test_budgets_that_have_runs_are_shown_where_none_was_asked_for() -> None:
    at = [replace(SMALL, budget=budget) for budget in (1, 4)]
    journals = Journals(tuple(made(run, "2026") for choices in at for run in resolve(table("table1"), choices).runs))
    groups = at_conditions(SMALL, journals, every={"budget"})
    assert [group.condition.selection[:1] == ("4-times-the-samples",) for group in groups] == [False, True]
    lines = [next(iter(captions(next(of for of in group.shown if of.table.id == "table1")))) for group in groups]
    assert ["4 times the samples" in line for line in lines] == [False, True]
