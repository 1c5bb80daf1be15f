"""Every method: its options have descriptions, can be recorded, and are part of a run's identity."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import methods
from benchmarks.hardware import cards
from benchmarks.runner.choices import Choices
from benchmarks.runner.plan import Run, run
from benchmarks.tables.definition import Row
from benchmarks.workloads.workload import workload
from tests.conformance.conftest import other_values

VIRTUAL = Choices(card=cards.load("paper-a-ideal"))


def planned(method: str, options: dict[str, Any] | None = None, choices: Choices = VIRTUAL) -> Run:
    algorithm = methods.create(method, options)
    return run(workload("cifar10", "resnet18", "smoke"), Row(method), algorithm, 0, choices, choices.card)


def test_options_are_recorded(method: str) -> None:
    """They are recorded as JSON, from which the same method can be made again."""
    algorithm = methods.create(method)
    described = json.loads(json.dumps(algorithm.describe()))
    assert {name.partition(".")[0] for name in described} == {field.name for field in fields(algorithm.options)}
    assert methods.create(method, described).options == algorithm.options
    run = planned(method)
    assert run.method.document() == {"name": method, "options": described}
    assert methods.recorded(method, run.spec.method.options).options == algorithm.options


def test_options_change_the_identity(method: str) -> None:
    for key, value in other_values(method):
        changed = planned(method, {key: value})
        assert changed.method.options[key] == value
        assert changed.id != planned(method).id


def test_a_default_said_aloud_is_the_same_run(method: str) -> None:
    """Values on the command line are text: they must become the same type, and so the same hash."""
    text_options = {key: str(value) for key, value in methods.create(method).describe().items()}
    assert planned(method, text_options).id == planned(method).id


def test_the_executor_changes_the_identity(method: str) -> None:
    threads = replace(VIRTUAL, executor="threads", card=None)
    assert planned(method, choices=threads).id != planned(method).id
