"""Open points of the papers: both readings can be chosen, and what is said is what the run takes."""

from __future__ import annotations

from typing import Any

import pytest

import methods
from benchmarks.analyses import registry as analyses
from benchmarks.papers.open_points.reading import Reading
from benchmarks.papers.open_points.readings import READINGS, accepted, readings, readings_of
from benchmarks.runner.choices import Choices
from benchmarks.runner.grid import resolve
from benchmarks.runner.plan import Run
from benchmarks.tables.registry import IDS, table

SETTABLE = [reading for reading in READINGS if reading.key]


def name(reading: Reading) -> str:
    return f"{reading.item}: {reading.tables[0]}"


def runs(id: str, settings: dict[str, dict[str, str]] | None = None, scale: str = "paper") -> list[Run]:
    return resolve(table(id), Choices(scale=scale, seeds=(0,), settings=settings or {})).runs


def line(lines: list[str], item: str) -> str:
    found = [text for text in lines if text.startswith(f"{item}: ")]
    assert len(found) == 1, lines
    return found[0]


@pytest.mark.parametrize("reading", SETTABLE, ids=name)
def test_the_other_reading_is_accepted_at_paper_scale(reading: Reading) -> None:
    """By the workload of each of its tables, by each of its methods, or by its analysis; and it is another one."""
    if reading.methods:
        subjects: list[tuple[str, ...]] = [
            (id, method)
            for id in reading.tables
            for method in reading.methods
            if method in {row.method for row in table(id).rows}
        ]
        assert {method for _, method in subjects} == set(reading.methods)
    elif reading.owner == "workload":
        subjects = [
            (id, table(id).family, network)
            for id in reading.tables
            for network in table(id).networks
            if not reading.networks or network in reading.networks
        ]
    else:
        analyses.analysis(reading.owner).options({reading.field: reading.value})
        return
    assert subjects
    for id, *names in subjects:
        default = accepted(reading, tuple(names), "", id)
        if reading.value:
            assert accepted(reading, tuple(names), reading.value, id) != default, (id, names)


@pytest.mark.parametrize("reading", READINGS, ids=name)
def test_a_reading_is_complete(reading: Reading) -> None:
    assert set(reading.tables) <= {*IDS, *analyses.IDS}
    assert reading.said
    assert reading.elsewhere
    assert reading.ours
    assert reading.source
    assert set(reading.methods) <= set(methods.names())
    assert bool(reading.methods) == (reading.owner == "{method}")


def test_the_default_and_how_to_choose_the_other() -> None:
    decay = line(readings("table3", runs("table3")[0]), "Weight decay, CIFAR")
    assert "0.05 in section 4.1; 0.005 in Table 10" in decay
    assert "Taken: 0.005 for resnet18 (Table 10): else --set workload.optimizer.weight_decay=0.05." in decay


def test_what_is_set_is_what_is_said() -> None:
    chosen = runs("table3", {"workload": {"optimizer.weight_decay": "0.05"}})
    decay = line(readings("table3", chosen[0]), "Weight decay, CIFAR")
    assert "Taken: 0.05 for resnet18 (the other reading; ours: Table 10)" in decay
    assert "--set workload.optimizer.weight_decay=0.005" in decay


def test_a_method_says_its_own_points() -> None:
    by_row: dict[Any, Run] = {run.labels.row: run for run in reversed(runs("table3"))}
    lu, lap = readings("table3", by_row["async_lu"]), readings("table3", by_row["lapsgd"])
    assert "--set async_lu.queue=8" in line(lu, "Queue of losses")
    assert not any(text.startswith("Queue of losses") for text in lap)
    assert "--set lapsgd.weights=current" in line(lap, "Snapshot")


def test_a_table_says_each_point_once() -> None:
    lines = readings_of("table3", runs("table3"))
    assert "--set async_lu.queue=8 --set async_bu.queue=8" in line(lines, "Queue of losses")
    t_max = line(lines, "T_max, CIFAR")
    assert "100 for resnet18" in t_max
    assert "120 for resnet50" in t_max
    assert "1 for lapsgd, lppsgd" in line(lines, "Updaters per device")


@pytest.mark.parametrize("id", IDS)
def test_every_table_can_say_its_readings(id: str) -> None:
    for scale in ("smoke", "paper"):
        lines = readings_of(id, runs(id, scale=scale))
        assert lines
        assert len(lines) == len({text.split(": ")[0] for text in lines}), "one line per point"
