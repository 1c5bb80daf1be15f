"""Ambiguities of the papers: both interpretations can be chosen, and the stated one is what the run uses."""

from __future__ import annotations

from typing import Any

import pytest

import methods
from benchmarks.analyses import registry as analyses
from benchmarks.papers.ambiguities.ambiguity import Ambiguity
from benchmarks.papers.ambiguities.interpretations import AMBIGUITIES, accepted, interpretations
from benchmarks.runner.choices import Choices
from benchmarks.runner.plan import Run
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import IDS, group, table

SETTABLE = [ambiguity for ambiguity in AMBIGUITIES if ambiguity.key]


def name(ambiguity: Ambiguity) -> str:
    return f"{ambiguity.item}: {ambiguity.tables[0]}"


def runs(id: str, settings: dict[str, dict[str, str]] | None = None, scale: str = "paper") -> list[Run]:
    return resolve(table(id), Choices(scale=scale, seeds=(0,), settings=settings or {})).runs


def line(lines: list[str], item: str) -> str:
    matching = [text for text in lines if text.startswith(f"{item}: ")]
    assert len(matching) == 1, lines
    return matching[0]


@pytest.mark.parametrize("ambiguity", SETTABLE, ids=name)
def test_the_other_reading_is_accepted_at_paper_scale(ambiguity: Ambiguity) -> None:
    """The workload of each table, each method, or the analysis accepts it, and it differs from the default."""
    if ambiguity.methods:
        subjects: list[tuple[str, ...]] = [
            (id, method)
            for id in ambiguity.tables
            for method in ambiguity.methods
            if method in {row.method for row in table(id).rows}
        ]
        assert {method for _, method in subjects} == set(ambiguity.methods)
    elif ambiguity.owner == "workload":
        subjects = [
            (id, table(id).family, network)
            for id in ambiguity.tables
            for network in table(id).networks
            if not ambiguity.networks or network in ambiguity.networks
        ]
    else:
        analyses.analysis(ambiguity.owner).options({ambiguity.field: ambiguity.value})
        return
    assert subjects
    for id, *names in subjects:
        default = accepted(ambiguity, tuple(names), "", id)
        if ambiguity.value:
            assert accepted(ambiguity, tuple(names), ambiguity.value, id) != default, (id, names)


def test_ambiguities_are_complete() -> None:
    for ambiguity in AMBIGUITIES:
        assert set(ambiguity.tables) <= {*IDS, *analyses.IDS}
        assert all((ambiguity.statement, ambiguity.alternative, ambiguity.default, ambiguity.source))
        assert set(ambiguity.methods) <= set(methods.names())
        assert bool(ambiguity.methods) == (ambiguity.owner == "{method}")


def test_the_default_and_how_to_choose_the_other() -> None:
    decay = line(interpretations("table3", [runs("table3")[0]]), "Weight decay, CIFAR")
    assert "0.05 in section 4.1; 0.005 in Table 10" in decay
    assert "Taken: 0.005 for resnet18 (Table 10): else --set workload.optimizer.weight_decay=0.05." in decay


def test_stated_interpretations_follow_settings() -> None:
    chosen = runs("table3", {"workload": {"optimizer.weight_decay": "0.05"}})
    decay = line(interpretations("table3", [chosen[0]]), "Weight decay, CIFAR")
    assert "Taken: 0.05 for resnet18 (the other reading; ours: Table 10)" in decay
    assert "--set workload.optimizer.weight_decay=0.005" in decay


def test_a_method_says_its_own_points() -> None:
    by_row: dict[Any, Run] = {run.labels.row: run for run in reversed(runs("table3"))}
    lu, lap = interpretations("table3", [by_row["async_lu"]]), interpretations("table3", [by_row["lapsgd"]])
    assert "--set async_lu.queue=8" in line(lu, "Queue of losses")
    assert not any(text.startswith("Queue of losses") for text in lap)
    assert "--set lapsgd.weights=current" in line(lap, "Snapshot")


def test_a_table_says_each_point_once() -> None:
    lines = interpretations("table3", runs("table3"))
    assert "--set async_lu.queue=8 --set async_bu.queue=8" in line(lines, "Queue of losses")
    t_max = line(lines, "T_max, CIFAR")
    assert "100 for resnet18" in t_max
    assert "120 for resnet50" in t_max
    assert "1 for lapsgd, lppsgd" in line(lines, "Updaters per device")


def test_every_table_says_each_of_its_ambiguities_once() -> None:
    for id in (id for id in IDS if id not in group("ours")):
        lines = interpretations(id, runs(id, scale="smoke"))
        assert lines
        assert len(lines) == len({text.split(": ")[0] for text in lines}), id
