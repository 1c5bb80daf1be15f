"""A learning rate that was set without the warm-up's is said so, in a table's notes and by `show`."""

from __future__ import annotations

import pytest

from benchmarks.commands.settings import settings
from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table


def said(*arguments: str, rows: tuple[str, ...] = ()) -> list[str]:
    fixed, sweeps = settings(list(arguments))
    choices = Choices(seeds=(0,), settings=fixed, sweeps=sweeps, methods=rows, networks=("resnet18",))
    return list(resolve(table("table3"), choices).cautions)


def test_a_warm_up_that_is_left_behind_is_said() -> None:
    (line,) = said("workload.schedule.lr=0.001")
    assert "0.02 is 20 times 0.001" in line
    (line,) = said("workload.schedule.lr=0.1,0.2")
    assert "0.02 is 0.2 times 0.1, 0.02 is 0.1 times 0.2" in line
    assert said(rows=("bp@workload.schedule.lr=0.001",))


@pytest.mark.parametrize(
    "given",
    [
        (),
        ("workload.schedule.lr=0.001", "workload.schedule.warm_up_lr=0.001"),
        ("workload.schedule.lr=0.001", "workload.schedule.warm_up_epochs=0"),
        ("workload.batch=32",),
    ],
)
def test_nothing_is_said_where_none_is(given: tuple[str, ...]) -> None:
    assert not said(*given)
