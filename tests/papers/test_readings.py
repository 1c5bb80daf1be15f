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


def test_a_scale_of_its_own_is_neither_reading() -> None:
    decay = line(readings("table3", runs("table3", scale="smoke")[0]), "Weight decay, CIFAR")
    assert "Taken: 0.0005 for resnet18 (of scale smoke, of the row, or set; ours for the paper: 0.005)" in decay


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


def test_what_no_option_expresses_is_said_in_words() -> None:
    lines = readings("table3", runs("table3")[0])
    assert "no option moves it inside" in line(lines, "Evaluation inside the clock")
    assert "no option offers a split" in line(lines, "Validation split")


def test_the_rates_of_wide_resnets_are_said() -> None:
    """By the scripts, which the paper does not print; and what is done of LPP-SGD's."""
    lines = readings_of("lap-table6", runs("lap-table6"))
    taken = line(lines, "WRN-16-8's learning rate")
    assert "0.4 at batch 64, warmed up from 0.05" in taken
    assert "Taken: 64 for wrn16_8 (0.05 for 64 samples" in taken
    assert taken.endswith("else --set workload.schedule.base_batch=128.")
    assert "Taken: 0.05 for wrn16_8 (LAP-SGD's" in line(lines, "LPP-SGD's learning rate")


def test_an_analysis_says_its_option() -> None:
    assert "--set speedup.law=printed" in line(readings("speedup"), "Time of backpropagation")
    assert "nothing to choose" in line(readings("staleness"), "Relative staleness")


@pytest.mark.parametrize("id", IDS)
def test_every_table_can_say_its_readings(id: str) -> None:
    for scale in ("smoke", "paper"):
        lines = readings_of(id, runs(id, scale=scale))
        assert lines
        assert len(lines) == len({text.split(": ")[0] for text in lines}), "one line per point"
