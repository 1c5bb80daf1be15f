"""Shared by all tests: the options of the conformance suite, and an environment that no test depends on.

`pytest tests/conformance --method async_lu --executor virtual` holds one method to the suite under one executor; both
options may be repeated, and leaving one out means all. Tests read them with `config.getoption("method")` (a list).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import end_all

# Before anything imports torch: OpenMP reads it once, and xdist's workers inherit it. Two workers of one thread each
# have no thread that waits, so that no wait policy is needed.
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ("tests.faults.counting",)
AMBIENT = ("BENCHMARKS_DATA", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--method` and `--executor`, each repeatable."""
    group = parser.getgroup("conformance")
    group.addoption("--method", action="append", default=[], metavar="NAME", help="only this method (default: all)")
    group.addoption("--executor", action="append", default=[], metavar="NAME", help="only this executor (default: all)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what this machine cannot run, saying what it would take; leave out what takes long, unless asked for."""
    for item in items:
        if item.get_closest_marker("cuda") and not _has_cuda():
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
    later = {marker for marker in ("distributed", "slow") if marker not in config.getoption("markexpr")}
    asked_for = {item for item in items if item.get_closest_marker("faults")}  # the faults suite has left it in
    if out := {item for item in items if any(map(item.get_closest_marker, later))} - asked_for:
        config.hook.pytest_deselected(items=list(out))
        items[:] = [item for item in items if item not in out]


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.fixture(autouse=True)
def _no_ambient_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the user's data folder and tracking server: no test reads the one or writes to the other."""
    for name in AMBIENT:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def registries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget the methods that a test makes known."""
    import methods
    from methods import registry

    methods.names()  # our own are loaded, so that they outlive the test
    monkeypatch.setattr(registry, "_methods", dict(registry._methods))
    monkeypatch.setattr(registry, "_plugins", {})
    modules = set(sys.modules)
    yield
    for name in [name for name in sys.modules.keys() - modules if name.startswith("plugin_")]:
        del sys.modules[name]


@pytest.fixture(autouse=True)
def _no_program_is_left() -> Iterator[None]:
    """Whatever a test has started ends with it."""
    yield
    end_all()


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder that holds the packages."""
    return Path(__file__).resolve().parent.parent
