"""Help of the command line: examples that parse, every option with its default and its meaning."""

from __future__ import annotations

import shlex

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


def test_help_shows_examples_that_parse(cli: Cli) -> None:
    for command in COMMANDS:
        lines = cli(command, "--help").out.splitlines()
        for example in EXAMPLES[command]:
            assert f"  python -m benchmarks {example}" in lines
            function, _, _ = app.parse_args(shlex.split(example), exit_on_error=False, print_error=False)
            assert function.__name__.rstrip("_") == command


def described(declared: type, output: str) -> list[str]:
    """Checks that each option has values, default and description, and a line of the output -> their names."""
    options = [option for option in option_list.options(declared) if option.name not in OF_THE_TABLE]
    assert all(option.values and option.default and option.description for option in options), options
    assert all(f"\n{option.name} " in output for option in options), output
    return [option.name for option in options]


def test_every_option_of_a_method_is_described(cli: Cli) -> None:
    for name in methods.names():
        assert described(methods.method_class(name).Options, cli("show", name).out) == methods.option_names(name)


def test_every_field_of_a_workload_that_can_be_set_is_described(cli: Cli) -> None:
    assert set(option_list.DESCRIPTIONS) <= {*described(Workload, cli("show", "workload").out)}


def test_values_are_said_in_words() -> None:
    descriptions = {option.name: (option.values, option.default) for option in option_list.options(Workload)}
    assert descriptions["threads"] == ("a whole number from 1 to 1,024", "1")
    assert descriptions["optimizer.momentum"] == ("a number from 0 below 1", "0.9")
    assert descriptions["drain_every"] == ("a whole number from 1 or none", "none")
    assert descriptions["epochs"] == ("a whole number from 1 to 1,000,000", "by table")
    assert descriptions["stem"] == ("cifar or imagenet", "cifar")
    assert descriptions["schedule.milestones"] == ("several, by commas: a number", "()")


def test_the_version_names_commit_and_torch(cli: Cli) -> None:
    output = cli("--version").out
    assert output.startswith(f"async-sgd-benchmarks {release()}, commit ")
    assert output.count("\n") == 1
    assert ", torch " in output
