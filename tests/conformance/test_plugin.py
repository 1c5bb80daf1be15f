"""The starter files that `new` writes pass the same suite as the methods of this repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

import methods
from benchmarks.commands.new import new
from benchmarks.executors import registry as executors
from tests.conformance import (
    test_failing,
    test_identity,
    test_repeating,
    test_resuming,
    test_statements,
    test_training,
)
from tests.conformance.conftest import other_values


@pytest.fixture(params=["method", "server"])
def starter(request: pytest.FixtureRequest, tmp_path: Path, registries: None) -> str:
    """Yields the name of a plug-in's method, registered for the duration of the test."""
    name = f"{request.param}_of_the_suite"  # one each: outcomes are cached by it
    new(request.param, name, tmp_path, Console(quiet=True))
    assert methods.load_plugin(tmp_path / f"{name}.py") == [name]
    return name


def test_it_trains(starter: str) -> None:
    for executor in executors.in_one_process():
        test_training.test_it_trains(starter, executor)
        test_training.test_no_more_slots_than_batches_in_flight(starter, executor)
    for key, value in other_values(starter):
        test_training.test_every_option((starter, key, value), "virtual")
    test_training.test_a_worker_names_an_existing_device_and_keeps_its_name(starter)
    test_statements.test_a_method_does_what_it_says(starter)
    test_failing.test_a_worker_that_raises_is_named(starter, "virtual")


def test_it_repeats(starter: str, tmp_path: Path) -> None:
    test_repeating.test_same_seed_same_bits(starter, "virtual")
    test_resuming.test_resumed_within_epochs_equals_uninterrupted(starter, "virtual", tmp_path)
    test_repeating.test_the_clock_does_not_depend_on_the_numerics(starter, "virtual")


def test_it_is_identified(starter: str) -> None:
    test_identity.test_options_are_recorded(starter)
    test_identity.test_options_change_the_identity(starter)
