"""Starts training processes from any program: a script, a notebook, the command line."""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.checkout import PACKAGES
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import memory, openmp
from benchmarks.workloads.instructions import PORTABLE
from results import children


def variables_of(run: Run, jobs: int) -> dict[str, str]:
    """Returns the environment variables of a process that trains the run beside jobs - 1 others.

    They say how idle OpenMP threads wait, and hold kernels to portable instructions.
    """
    policy = openmp.policy_of(run, jobs)
    variables = {} if policy is None else {openmp.VARIABLE: policy}
    return variables | (PORTABLE if run.work.instructions == "portable" else {})


def started(
    target: Callable[..., None], *arguments: Any, variables: Mapping[str, str], name: str | None = None
) -> SpawnProcess:
    """Starts a process that calls target(*arguments), with these environment variables."""
    context = multiprocessing.get_context("spawn")  # a fork after OpenMP or autograd hangs
    process = context.Process(target=target, args=arguments, name=name, daemon=True)
    with children.blocked(), memory.variables(variables), memory.preloaded(), apart():
        process.start()
    return process


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Prevents new processes from importing the caller's program, or its modules instead of our packages.

    The folder of a notebook or script may have a results.py, and a script may lack `if __name__ == "__main__"`.
    """
    main_module, path = sys.modules["__main__"], list(sys.path)
    sys.modules["__main__"] = ModuleType("__main__")
    sys.path[:] = [place for place in path if Path(place or ".").resolve() == PACKAGES or not _hides(Path(place))]
    try:
        yield
    finally:
        sys.modules["__main__"], sys.path[:] = main_module, path


def _hides(place: Path) -> bool:
    names = ("benchmarks", "methods", "reports", "results")
    return any((place / f"{name}.py").is_file() or (place / name / "__init__.py").is_file() for name in names)
