"""The version of the numerics: what stands in a run's identity for the code that made its numbers.

`tests/golden` holds the code to it: an edit that moves a bit fails there until HISTORY has a new line. One that moves
none needs no line, and leaves every run what it is (docs/decisions/0016-identity.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.checkout import INSTALLED, PACKAGES, git, is_tracked


@dataclass(frozen=True)
class Change:
    """A change of runs' numbers. methods, executors, networks, datasets: whose runs it concerns; of () all.

    date: year, month and day. what: what changed, for readers of old results.
    """

    version: int
    date: str
    what: str
    methods: tuple[str, ...] = ()
    executors: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()


HISTORY = (
    Change(1, "2026-11-23", "the first version that is stated; runs that were kept before have its bits"),
    Change(2, "2026-11-23", "ViT's positions begin with deviation 1, as large as its patches", networks=("vit",)),
)
"""The latest last, each version once. A line that is there is never changed."""

SOURCES = (
    "methods",
    "benchmarks/executors",
    "benchmarks/hardware",
    "benchmarks/workloads",
    "benchmarks/runner/training.py",
    "benchmarks/runner/evaluation_history.py",
    "results/records/evaluating.py",
)
"""The code that makes numbers: packages, the training loop, where in it runs are evaluated, and when one ends."""


def version(methods: Iterable[str], executor: str, network: str, dataset: str) -> int:
    """The version of the last change that concerns such a run. methods: its own, and those that it is derived from."""
    run = tuple(methods), (executor,), (network,), (dataset,)
    concerned = [
        change.version
        for change in HISTORY
        for of in [(change.methods, change.executors, change.networks, change.datasets)]
        if all(not whose or set(whose) & set(its) for whose, its in zip(of, run, strict=True))
    ]
    return max(concerned)


@cache
def edited() -> bool:
    """Whether this checkout's numerics may differ from those of its commit, untracked files included.

    True where git cannot tell. False for a wheel, whose code is that of the release.
    """
    if INSTALLED:
        return False
    if not is_tracked():
        return True
    changed = git("status", "--porcelain", "--untracked-files=all", "--", *SOURCES)
    return changed is None or any(line.rstrip('"').endswith(".py") for line in changed.splitlines())


def digest(own: Iterable[Path] = (), *, ours: bool = True) -> str:
    """The sha256 of the numerics' files, and of a user's as they are now. ours: False: of the user's alone."""
    found = _ours().copy() if ours else hashlib.sha256()
    for path in own:
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


@cache
def _ours() -> hashlib._Hash:
    places = [PACKAGES / name for name in SOURCES]
    files = [path for place in places for path in ([place] if place.is_file() else place.rglob("*.py"))]
    found = hashlib.sha256()
    for name, path in sorted((path.relative_to(PACKAGES).as_posix(), path) for path in files):
        found.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found
