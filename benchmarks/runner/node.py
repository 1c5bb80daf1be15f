"""The machine that runs are planned for, where it is not this one: a node of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.runner.gpus import Gpus


@dataclass(frozen=True)
class Node:
    """What of a machine is part of its runs' identity. gpus: those that a job is given; None: none."""

    cpu: str
    cores: int
    gpus: Gpus | None = None

    @property
    def device(self) -> str:
        """What --device auto is there."""
        return "cuda" if self.gpus is not None else "cpu"


def different(planned: Mapping[str, str], here: Mapping[str, str]) -> str:
    """What two places differ in that makes other runs, in words; "" where in nothing."""
    for what, mine in planned.items():
        if here.get(what) != mine:
            return f"{what} (planned with {mine[:12]}, found {str(here.get(what))[:12]})"
    return ""
