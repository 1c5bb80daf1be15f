"""A method whose options turn it into another equals that one, bit for bit, and in simulated seconds."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

import methods
from benchmarks.executors.virtual.executor import VirtualExecutor
from methods import Method
from tests.conformance.conftest import other_values
from tests.conformance.small import Small, bits, price

Alias = tuple[str, dict[str, Any]]
EPOCHS = 2  # LPP-SGD parts gradients in the second


def trained(method: Method) -> tuple[Any, ...]:
    return trained_once(method.name, json.dumps(method.describe()))


@cache
def trained_once(name: str, options: str) -> tuple[Any, ...]:
    """Returns everything recorded and saved, except real seconds and the method's private notes."""
    training = Small(name, json.loads(options))
    assert training.method.name == name
    charges_for_all = replace(price(), backward_inputs=[1e-4] * len(price().backward_inputs))
    training.executor = VirtualExecutor(training.team, charges_for_all)
    metrics = training.train(EPOCHS)
    for of_epoch in metrics:
        del of_epoch["train_seconds"]
    training.team.state.clear()
    return metrics, training.team.per_layer(), bits(training.team)


def test_an_alias_is_the_other(alias: Alias) -> None:
    method = methods.create(*alias)
    assert method.trained_as.name != method.name
    assert method.special_case
    assert trained(method) == trained(method.trained_as)


@pytest.mark.parametrize(("name", "options"), [("lppsgd", {}), ("plsgd", {"period": 1})])
def test_what_every_method_has_an_alias_keeps(name: str, options: dict[str, Any]) -> None:
    for key, value in other_values(name):
        if key in Method.Options.__dataclass_fields__:
            assert getattr(methods.create(name, {**options, key: value}).trained_as.options, key) == value


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lppsgd", {"updaters": 2}),
        ("lppsgd", {"updaters": 2, "stabilising": 0.9}),
        ("plsgd", {}),
        ("plsgd", {"switch": 0.1}),
    ],
)
def test_what_is_no_alias(name: str, options: dict[str, Any]) -> None:
    method = methods.create(name, options)
    assert method.trained_as is method
    assert not method.special_case


def test_a_subclass_speaks_for_itself() -> None:
    class Changed(type(methods.create("lppsgd"))):  # type: ignore[misc]
        pass

    changed = Changed()
    assert changed.same_as is not None
    assert changed.trained_as is changed
