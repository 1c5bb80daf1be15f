"""Starts processes that train, whatever program asks for them: a script, a notebook, the command line."""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
from collections.abc import Callable, Iterator
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.checkout import PACKAGES
from benchmarks.runner.processes import memory, openmp
from results import children


def started(target: Callable[..., None], *arguments: Any, policy: str | None, name: str | None = None) -> SpawnProcess:
    """A running process that calls target(*arguments). policy: how its idle OpenMP threads wait."""
    context = multiprocessing.get_context("spawn")  # a fork after OpenMP or autograd hangs
    process = context.Process(target=target, args=arguments, name=name, daemon=True)
    with children.blocked(), openmp.applied(policy), memory.preloaded(), apart():
        process.start()
    return process


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Within the block, new processes neither import the caller's program nor its modules in place of our packages.

    A notebook's or a script's folder may have a results.py, and a script that trains no `if __name__ == "__main__"`.
    """
    program, path = sys.modules["__main__"], list(sys.path)
    sys.modules["__main__"] = ModuleType("__main__")
    sys.path[:] = [place for place in path if Path(place or ".").resolve() == PACKAGES or not _hides(Path(place))]
    try:
        yield
    finally:
        sys.modules["__main__"], sys.path[:] = program, path


def _hides(place: Path) -> bool:
    names = ("benchmarks", "methods", "reports", "results")
    return any((place / f"{name}.py").is_file() or (place / name / "__init__.py").is_file() for name in names)
