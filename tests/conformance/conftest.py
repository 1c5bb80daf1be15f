"""Runs every test with a parameter `method`, `executor`, `variant` or `alias` for each of them.

`representative`: three methods, or those of `--method`, for tests on which the method has no influence. `variant`: each
value of an option that the team implements, with the first method that has it.

`pytest tests/conformance --plugin path/to/file.py` also tests a method of your own.
"""

from __future__ import annotations

import os
import typing
from collections.abc import Iterator
from dataclasses import is_dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

import methods
from benchmarks.executors import registry as executors
from tests.distributed import together

REPRESENTATIVES = ["async_lu", "lapsgd", "ddp"]
"""Several workers on one replica; replicas that are averaged; gradients that are."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("conformance").addoption(
        "--plugin", action="append", default=[], metavar="FILE", help="hold the methods of this file to the suite, too"
    )


def pytest_configure(config: pytest.Config) -> None:
    together.registered()
    load_plugins(os.pathsep.join(config.getoption("plugin", default=[])))


def load_plugins(files: str) -> None:
    """Loads plug-ins. files: separated as in PATH."""
    for path in filter(None, files.split(os.pathsep)):
        methods.load_plugin(Path(path))


def chosen(config: pytest.Config, option: str, known: list[str], *more: str) -> list[str]:
    """Returns the names that --method or --executor gives, or all of `known`. Unknown names are a user error."""
    requested: list[str] = config.getoption(option)
    for name in requested:
        if name not in [*known, *more]:
            raise pytest.UsageError(methods.unknown(option, name, known))
    return requested or known


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    subjects = _subjects(metafunc)
    places = _places(metafunc)
    if subjects and places:
        pairs = [
            (subject, place)
            for subject in subjects[1]
            for place in places[1]
            if not _made(subject).refuses(executors.executor(place))
        ]
        ids = [f"{_id(subject)}-{place}" for subject, place in pairs]
        metafunc.parametrize((subjects[0], places[0]), pairs, ids=ids)
    elif parameters := subjects or places:
        metafunc.parametrize(parameters[0], parameters[1], ids=[_id(subject) for subject in parameters[1]])


Variant = tuple[str, str, Any]
Alias = tuple[str, dict[str, Any]]


def _subjects(metafunc: pytest.Metafunc) -> tuple[str, list[str] | list[Variant] | list[Alias]] | None:
    """Returns the methods, or each with every other value of an option; None for a test that needs neither."""
    names = chosen(metafunc.config, "method", methods.names())
    if "alias" in metafunc.fixturenames:
        return "alias", [(name, options) for name in names for options in _aliases(name)]
    if "variant" in metafunc.fixturenames:
        shared, representative_names = methods.Method.Options.__dataclass_fields__, _representatives(metafunc.config)
        every = [(name, key, value) for name in names for key, value in other_values(name)]
        tried = [subject for subject in every if subject[0] in representative_names or subject[1] not in shared]
        if metafunc.config.getoption("method"):
            return "variant", tried
        firsts = {subject[1:]: subject for subject in reversed(tried)}
        return "variant", [subject for subject in tried if subject == firsts[subject[1:]]]
    if "representative" in metafunc.fixturenames:
        return "representative", _representatives(metafunc.config)
    return ("method", names) if "method" in metafunc.fixturenames else None


def _representatives(config: pytest.Config) -> list[str]:
    return config.getoption("method") or REPRESENTATIVES


def _places(metafunc: pytest.Metafunc) -> tuple[str, list[str]] | None:
    """Returns the executors, or only the repeatable ones for tests with a parameter `repeatable`."""
    names = chosen(metafunc.config, "executor", list(executors.in_one_process()), together.NAME)
    if "repeatable" in metafunc.fixturenames:
        return "repeatable", [name for name in names if executors.executor(name).repeatable]
    return ("executor", names) if "executor" in metafunc.fixturenames else None


def _aliases(name: str) -> list[dict[str, Any]]:
    """Returns options that turn one method into another: single ones, or pairs of which neither is enough alone.

    Options of every method are left out, since `variant` covers them.
    """

    def is_alias(options: dict[str, Any]) -> bool:
        try:
            method = methods.create(name, options)
        except methods.MethodError:  # two that do not go together
            return False
        return method.trained_as is not method

    shared = methods.Method.Options.__dataclass_fields__
    singles = [{key: value} for key, value in other_values(name) if key not in shared]
    alone = [options for options in singles if not is_alias(options)]
    pairs = [a | b for a, b in combinations(singles, 2) if a.keys() != b.keys() and (a in alone or b in alone)]
    return [options for options in ({}, *singles, *pairs) if is_alias(options)]


def _made(subject: str | Variant | Alias) -> methods.Method:
    if isinstance(subject, str):
        return methods.create(subject)
    return methods.create(subject[0], subject[1] if len(subject) == 2 else {subject[1]: subject[2]})


def _id(subject: str | Variant | Alias) -> str:
    if isinstance(subject, str):
        return subject
    options = subject[1] if len(subject) == 2 else {subject[1]: subject[2]}
    return "-".join([subject[0], *(f"{key}={value}" for key, value in options.items())])


def other_values(name: str) -> list[tuple[str, Any]]:
    """Returns (option, value) for every option of a method and every valid value except its default.

    Of numbers, a few near the ends of their range.
    """
    options = methods.method_class(name).Options
    values_by_option = []
    for key, hint, default in _fields(options, options(), ""):
        values = [value for value in _candidates(hint) if value != default and _accepted(name, key, value)]
        assert values, f"{name}.{key} has no value but its default, or a type that the suite cannot try"
        values_by_option += [(key, value) for value in values]
    return values_by_option


def _fields(options: Any, defaults: Any, prefix: str) -> Iterator[tuple[str, Any, Any]]:
    """Returns name, type and default of each option; nested ones have dotted names."""
    for key, hint in typing.get_type_hints(options).items():
        default = getattr(defaults, key)
        if is_dataclass(hint):
            yield from _fields(hint, default, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", hint, default


def _candidates(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)
    return {bool: (True, False), int: (0, 1, 2), float: (0.0, 1.0)}.get(hint, ())


def _accepted(name: str, key: str, value: Any) -> bool:
    """Returns whether the option accepts the value, for an unnamed network as in this suite."""
    try:
        methods.create(name, {key: value}).check_network("")
    except methods.MethodError:
        return False
    return True


@pytest.fixture
def plugins(request: pytest.FixtureRequest) -> str:
    """Returns the files of --plugin as `load_plugins` takes them, for another process."""
    return os.pathsep.join(str(Path(path).resolve()) for path in request.config.getoption("plugin"))


@pytest.fixture
def representatives(request: pytest.FixtureRequest) -> list[str]:
    """Returns all values of `representative`, for a test that needs them together."""
    return _representatives(request.config)


@pytest.fixture
def all_methods(request: pytest.FixtureRequest) -> list[str]:
    """Returns the chosen methods, for a test that needs them together."""
    return chosen(request.config, "method", methods.names())
