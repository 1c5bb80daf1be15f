"""A method in one file outside the repository is held to the same suite: the one that `new` writes."""

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

NAME = "hogwild_of_the_suite"


@pytest.fixture
def hogwild(tmp_path: Path, registries: None) -> str:
    """The name of a plug-in's method, registered for as long as the test lasts."""
    new("method", NAME, tmp_path, Console(quiet=True))
    assert methods.load_plugin(tmp_path / f"{NAME}.py") == [NAME]
    return NAME


def test_it_trains(hogwild: str) -> None:
    for executor in executors.in_one_process():
        test_training.test_it_trains(hogwild, executor)
        test_training.test_no_more_slots_than_batches_in_flight(hogwild, executor)
    for key, value in other_values(hogwild):
        test_training.test_every_option((hogwild, key, value), "virtual")
    test_training.test_a_worker_names_an_existing_device_and_keeps_its_name(hogwild)
    test_statements.test_a_method_does_what_it_says(hogwild)
    test_failing.test_a_worker_that_raises_is_named(hogwild, "virtual")


def test_it_repeats(hogwild: str, tmp_path: Path) -> None:
    test_repeating.test_same_seed_same_bits(hogwild, "virtual")
    test_resuming.test_resumed_within_epochs_equals_uninterrupted(hogwild, "virtual", tmp_path)
    test_repeating.test_the_clock_does_not_depend_on_the_numerics(hogwild, "virtual")


def test_it_is_identified(hogwild: str) -> None:
    test_identity.test_options_are_recorded(hogwild)
    test_identity.test_options_change_the_identity(hogwild)
