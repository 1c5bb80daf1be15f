"""Names of runs in MLflow: short, and distinct for the rows of a table."""

from __future__ import annotations

import pytest

from benchmarks.tables import registry
from results.tracking.names import settings, short, with_settings


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ("bp", "bp"),
        ("lapsgd@updaters=2,batch=128", "lapsgd u2 b128"),
        ("async_lu@backward_workers=3", "async_lu bw3"),
        ("bp@workload.schedule.lr=0.04", "bp lr0.04"),
        ("bp@stem=imagenet,workload.schedule.milestones=(3,5)", "bp stem=imagenet m(3,5)"),
        ("async_lu@rate=delay_adaptive", "async_lu rate=delay_adaptive"),
        ("bp@workload.optimizer.weight_decay=5e-05", "bp wd5e-05"),
    ],
)
def test_numbers_have_initials_and_words_their_last_part(row: str, name: str) -> None:
    assert short(row) == name


@pytest.mark.parametrize("id", registry.IDS)
def test_rows_of_a_table_keep_names_of_their_own(id: str) -> None:
    rows = [row.key for row in registry.table(id).rows]
    assert len({short(row) for row in rows}) == len(rows)


def said(**groups: tuple[str, dict[str, str]]) -> dict[str, str]:
    return settings({key: (name, {"workload.dataset": "digits", **params}) for key, (name, params) in groups.items()})


def test_groups_of_one_row_are_told_apart_by_as_few_settings_as_it_takes() -> None:
    name, schedule = "bp ours, resnet18, 2 seeds", {"workload.schedule.t_max": "3"}
    assert said(
        a=(name, {"workload.epochs": "3", **schedule}),
        b=("bp ours, resnet18, no finished run", {"workload.epochs": "6", "workload.schedule.t_max": "6"}),
        c=(name, {"workload.epochs": "3", **schedule, "workload.patience": "null", "hardware.sha256": "ab" * 32}),
        other=("async_lu ours, resnet18, 2 seeds", {"workload.epochs": "9"}),
        timed=(f"{name}, threads", {"workload.epochs": "3", "executor": "threads"}),
    ) == {"a": "epochs=3", "b": "epochs=6", "c": "epochs=3 patience=none", "other": "", "timed": ""}


def test_all_say_their_data_where_two_data_sets_meet() -> None:
    names = said(
        a=("bp ours, resnet18, 1 seed", {}),
        b=("bp ours, resnet18, 2 seeds", {"workload.dataset": "leaves", "workload.epochs": "3"}),
        c=("async_lu ours, resnet18, 2 seeds", {"device": "cpu"}),
        d=("async_lu ours, resnet18, 2 seeds", {"device": "cuda"}),
    )
    assert names == {"a": "digits", "b": "leaves", "c": "digits cpu", "d": "digits cuda"}


def test_settings_come_after_the_row() -> None:
    name, row = "lapsgd u2 ours, resnet18, 1 seed", "lapsgd@updaters=2"
    assert with_settings(name, row, "epochs=3") == "lapsgd u2 epochs=3 ours, resnet18, 1 seed"
    assert with_settings(name, row, "") == name
