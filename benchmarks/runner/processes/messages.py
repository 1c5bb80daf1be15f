"""Messages between the command and its training processes, and events for displays."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.hardware.card import Card
from benchmarks.runner.options import DEFAULTS, TrainingOptions
from benchmarks.workloads.own import OwnFiles
from results.records.spec import Labels, RunSpec


@dataclass(frozen=True)
class Setting:
    """Facts that all runs of a command share.

    cards: of the virtual clock, by sha256. gpus: values of CUDA_VISIBLE_DEVICES, one GPU each; for a process its own.
    """

    out: Path
    data: Path | None
    cards: dict[str, Card]
    plugins: tuple[Path, ...]
    environment: dict[str, Any]
    gpus: tuple[str, ...] = ()
    own: OwnFiles = field(default_factory=OwnFiles)
    options: TrainingOptions = DEFAULTS


@dataclass(frozen=True)
class Begin:
    """Message to a process: train this run next."""

    id: str
    spec: RunSpec
    labels: Labels


@dataclass(frozen=True)
class Epoch:
    """Message from a process: the run was evaluated after so many epochs. metrics: as in the journal."""

    id: str
    epoch: float
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Resumed:
    """Message from a process: the run is resumed from a checkpoint, after so many epochs. text: position in words."""

    id: str
    epoch: int
    text: str


@dataclass(frozen=True)
class Ended:
    """The run has ended. status: as in the journal. reason: why it did not finish, else ""."""

    id: str
    status: str
    reason: str = ""
    with_process: bool = False  # the process ends with it


@dataclass(frozen=True)
class _Text:
    """A message about a run in words."""

    id: str
    text: str


class Remark(_Text):
    """Message from a process: a sentence for people, such as that a run makes no progress."""


class Alive(_Text):
    """Message from a process, about once a second: its interpreter runs. text: what the run is doing."""


class UserMistake(_Text):
    """Message from a process: an error that the user can correct; the run has no end and must be repeated."""


class Busy(_Text):
    """Message from a process: another command trains this run. text: where."""


class Placed(_Text):
    """Message from an engine: a job trains the run. text: its node and id."""


class Requeued(_Text):
    """Message from an engine: the job ended before the run, which waits for another job. text: why."""


@dataclass(frozen=True)
class QueueState:
    """Message from an engine about all its jobs: how many wait and why, and how many run where, in words."""

    text: str
    id: str = ""


Answer = Alive | Resumed | Epoch | Remark | Ended | Busy | UserMistake
Event = Begin | Resumed | Epoch | Remark | Ended | Busy | Placed | Requeued | QueueState
Listen = Callable[[Event], None]


class ParentPipe:
    """The pipe to the parent process, safe for several threads."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._lock = pipe, threading.Lock()

    def send(self, answer: Answer) -> None:
        with self._lock:
            self._pipe.send(answer)

    def tell(self, answer: Answer) -> None:
        """Sends an answer, or drops it if the parent has ended; the training thread notices that by itself."""
        with contextlib.suppress(OSError):
            self.send(answer)
