"""Messages between the command and its training processes, and events for whoever displays them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.hardware.card import Card
from benchmarks.workloads.own import OwnFiles
from results.records.spec import Labels, RunSpec


@dataclass(frozen=True)
class Setting:
    """Facts that all runs of a command share. gpus: entries of CUDA_VISIBLE_DEVICES; of a process, the one it sees."""

    out: Path
    data: Path | None
    cards: dict[str, Card]  # of the virtual clock, by sha256
    plugins: tuple[Path, ...]
    environment: dict[str, Any]
    gpus: tuple[str, ...] = ()
    stall_after: float | None = None  # seconds without progress after which a run is given up
    fresh: bool = False  # train again what another command has finished meanwhile, and resume nothing
    checkpoint_every: float | None = 1.0  # seconds between two; 0: at every drain; None: none are written
    own: OwnFiles = field(default_factory=OwnFiles)
    keep_weights: bool = False  # those of the last evaluation, in the run's folder


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
    """Message from a process: the run goes on from a checkpoint, after so many epochs. words: how far it was."""

    id: str
    epoch: int
    words: str


@dataclass(frozen=True)
class Remark:
    """Message from a process: a remark for people that does not end the run, such as that it stands still."""

    id: str
    sentence: str


@dataclass(frozen=True)
class Ended:
    """The run is over. status: as in the journal; reason: why it is not finished, else ""."""

    id: str
    status: str
    reason: str = ""
    with_process: bool = False  # the process ends with it


@dataclass(frozen=True)
class Alive:
    """Message from a process, about once a second: its interpreter runs. at: what the run is doing."""

    id: str
    at: str


@dataclass(frozen=True)
class UserMistake:
    """Message from a process: the user can mend what is said here; the run has not ended, and is to be repeated."""

    id: str
    sentence: str


@dataclass(frozen=True)
class Busy:
    """Message from a process: another command trains this run, which goes on. who: where, in words."""

    id: str
    who: str


@dataclass(frozen=True)
class Placed:
    """Message from an engine: a job took the run. where: its node and id, in words."""

    id: str
    where: str


@dataclass(frozen=True)
class Requeued:
    """Message from an engine: the run's job ended before the run did, and it waits for another. words: why."""

    id: str
    words: str


@dataclass(frozen=True)
class QueueState:
    """Message from an engine, of all its jobs: how many wait for what, and how many run where, in words."""

    words: str
    id: str = ""


Answer = Alive | Resumed | Epoch | Remark | Ended | Busy | UserMistake
Event = Begin | Resumed | Epoch | Remark | Ended | Busy | Placed | Requeued | QueueState
Listen = Callable[[Event], None]


class ParentPipe:
    """The way to the parent, for several threads."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._lock = pipe, threading.Lock()

    def send(self, answer: Answer) -> None:
        with self._lock:
            self._pipe.send(answer)

    def tell(self, answer: Answer) -> None:
        """Send an answer, or drop it where nobody listens any more: the training thread finds that out by itself."""
        with contextlib.suppress(OSError):
            self.send(answer)
