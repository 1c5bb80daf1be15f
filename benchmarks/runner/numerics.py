"""The version of the numerics, which stands for the code in a run's identity (docs/decisions/0016-identity.md).

An edit that changes a bit of a run's numbers fails in `tests/golden` until HISTORY has a new line. Other edits need no
line and keep all runs valid.
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
    """A change of runs' numbers. methods, executors, networks, datasets: whose runs it concerns; (): all.

    what: what changed, for readers of old results.
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
"""All changes, the latest last, one per version. Existing lines never change."""

SOURCES = (
    "methods",
    "benchmarks/executors",
    "benchmarks/hardware",
    "benchmarks/workloads",
    "benchmarks/runner/training.py",
    "benchmarks/runner/evaluation_history.py",
    "results/records/evaluating.py",
)
"""The code that computes numbers: packages, the training loop, and when a run is evaluated and ends."""


def version(methods: Iterable[str], executor: str, network: str, dataset: str) -> int:
    """Version of the last change that concerns such a run. methods: the run's, and those from which it is derived."""
    names = set(methods)
    return max(
        change.version
        for change in HISTORY
        if (not change.methods or names & set(change.methods))
        and executor in (change.executors or (executor,))
        and network in (change.networks or (network,))
        and dataset in (change.datasets or (dataset,))
    )


@cache
def edited() -> bool:
    """Whether this checkout's numerics may differ from those of its commit, untracked files included.

    True if git cannot tell. False for a wheel, whose code is that of the release.
    """
    if INSTALLED:
        return False
    if not is_tracked():
        return True
    changed = git("status", "--porcelain", "--untracked-files=all", "--", *SOURCES)
    return changed is None or any(line.rstrip('"').endswith(".py") for line in changed.splitlines())


def digest(own: Iterable[Path] = (), *, ours: bool = True) -> str:
    """sha256 of the numerics' files, unless not `ours`, and of a user's own files."""
    sha256 = _ours().copy() if ours else hashlib.sha256()
    for path in own:
        sha256.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return sha256.hexdigest()


@cache
def _ours() -> hashlib._Hash:
    places = [PACKAGES / name for name in SOURCES]
    files = [path for place in places for path in ([place] if place.is_file() else place.rglob("*.py"))]
    sha256 = hashlib.sha256()
    for name, path in sorted((path.relative_to(PACKAGES).as_posix(), path) for path in files):
        sha256.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return sha256
