"""Help of the command line: examples that are right, every option with its default and its meaning."""

from __future__ import annotations

import shlex

import pytest

import methods
from benchmarks.commands import option_list
from benchmarks.commands.cli import app
from benchmarks.commands.examples import EXAMPLES
from benchmarks.runner.environment import release
from benchmarks.tables.naming import OF_THE_TABLE
from benchmarks.workloads.workload import Workload
from tests.commands.commands import Cli

COMMANDS = [name for name in app if not name.startswith("-")]


def test_every_command_has_examples() -> None:
    assert sorted(EXAMPLES) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_examples_whose_options_there_are(command: str, cli: Cli) -> None:
    shown = cli(command, "--help").out.splitlines()
    for line in EXAMPLES[command]:
        assert f"  python -m benchmarks {line}" in shown
        called, _, _ = app.parse_args(shlex.split(line), exit_on_error=False, print_error=False)
        assert called.__name__.rstrip("_") == command


@pytest.mark.parametrize("name", methods.names())
def test_every_option_of_a_method_is_described(name: str, cli: Cli) -> None:
    described = option_list.options(methods.method_class(name).Options)
    assert [one.name for one in described] == methods.option_names(name)
    assert all(one.values and one.default and one.description for one in described)
    shown = cli("show", name).out
    assert all(f"\n{one.name} " in shown for one in described)


def test_every_field_of_a_workload_that_can_be_set_is_described(cli: Cli) -> None:
    described = [one for one in option_list.options(Workload) if one.name not in OF_THE_TABLE]
    assert [one.name for one in described if not (one.values and one.default and one.description)] == []
    shown = cli("show", "workload").out
    assert all(f"\n{one.name} " in shown for one in described)
    assert set(option_list.DESCRIPTIONS) <= {one.name for one in described}


def test_values_are_said_in_words() -> None:
    said = {one.name: (one.values, one.default) for one in option_list.options(Workload)}
    assert said["threads"] == ("a whole number from 1 to 1,024", "1")
    assert said["optimizer.momentum"] == ("a number from 0 below 1", "0.9")
    assert said["drain_every"] == ("a whole number from 1 or none", "none")
    assert said["epochs"] == ("a whole number from 1 to 1,000,000", "by table")
    assert said["stem"] == ("cifar or imagenet", "cifar")
    assert said["schedule.milestones"] == ("several, by commas: a number", "()")


def test_the_version_names_commit_and_torch(cli: Cli) -> None:
    said = cli("--version").out
    assert said.startswith(f"async-sgd-benchmarks {release()}, commit ")
    assert said.count("\n") == 1
    assert ", torch " in said
