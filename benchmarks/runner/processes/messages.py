"""What the command and its training processes tell each other of a run, and what a display hears of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from results.records.spec import Labels, RunSpec


@dataclass(frozen=True)
class Begin:
    """To a process: train this run next."""

    id: str
    spec: RunSpec
    labels: Labels


@dataclass(frozen=True)
class Epoch:
    """From a process: an epoch (1 is the first) was trained and evaluated. metrics: as in the journal."""

    id: str
    epoch: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Ended:
    """The run is over. status: as in the journal; reason: why it is not finished, else ""."""

    id: str
    status: str
    reason: str = ""
    with_process: bool = False  # the process ends with it


@dataclass(frozen=True)
class Standstill:
    """From a process: nothing of the run gets on. sentence: since when, and what each worker is at."""

    id: str
    sentence: str


@dataclass(frozen=True)
class Wrong:
    """From a process: the user can mend what is said here; the run has not ended, and is to be repeated."""

    id: str
    sentence: str


Answer = Epoch | Standstill | Ended | Wrong
Event = Begin | Epoch | Standstill | Ended
Listen = Callable[[Event], None]
