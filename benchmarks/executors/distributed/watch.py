"""Detects that ranks fail, fall silent, or wait for each other forever.

A rank alone cannot tell that its workers wait forever, since another rank may wake them. So each rank publishes a note
of what its workers wait for (RankMonitor), and reads the others' notes (RankWatch).
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic_core import to_json

from benchmarks.executors.distributed.place import Message
from benchmarks.executors.distributed.session import RankSession
from benchmarks.executors.distributed.transport import LinkLost
from benchmarks.executors.errors import Stalled, WorkerFailed, standing
from benchmarks.executors.threads.monitor import Monitor, WorkerTurn
from methods import effects as e

EVERY_SECONDS = 0.5
PATIENCE_SECONDS = 3.0
"""After a connection was lost: how long to wait for the rank's own error, or for a report that its process ended."""
WAKING_SECONDS = 1.0
"""Longest wait, in seconds, for the monitor's lock after a failure: a stuck worker may hold it."""


class RemoteWait(NamedTuple):
    """A wait for a group's members on other ranks. meeting: the number of the group's meeting, from 1."""

    group: str
    meeting: int


class Idle(Message):
    """Report of a rank whose workers all wait, and what they wait for.

    woken: waits that have ended. met: for each group, the meetings to which the rank has brought its share. away:
    meetings that its workers wait for. waiting: its workers, and what for. sent, received: messages of channels.
    """

    woken: int
    met: dict[str, int]
    away: list[RemoteWait]
    waiting: list[str]
    sent: int = 0
    received: int = 0


class Note(Message):
    """A rank's sign of life, published every EVERY_SECONDS.

    part: of the run, from 1. beat: counts the notes of the part. idle: None where a worker can go on.
    """

    part: int
    beat: int
    idle: Idle | None


class Failure(Message):
    """A rank's failure, as text."""

    rank: int
    words: str


class RankFailed(WorkerFailed):
    """A failure of another rank, in its own words."""

    def __init__(self, rank: int, words: str) -> None:
        super().__init__(f"rank {rank}", Exception(words))
        self.rank, self.words = rank, words

    def __str__(self) -> str:
        return self.words


class RanksStalled(Stalled):
    """The workers of all ranks wait for each other forever."""

    def __init__(self, words: list[str]) -> None:
        super().__init__([])
        self.args = (f"Every worker waits and none can go on: {'; '.join(words)}",)


class RankMonitor(Monitor):
    """The monitor of one rank's workers. failed: is called with the first failure, on whichever thread it happens."""

    def __init__(self, turns: list[WorkerTurn], failed: Callable[[Exception], None]) -> None:
        super().__init__(turns)
        self.failed = failed
        self.away: dict[e.Worker, RemoteWait] = {}
        self.met: Counter[str] = Counter()  # by group, the meetings to which this rank has brought its share
        self.messages: Callable[[], tuple[int, int]] = lambda: (0, 0)  # of channels: sent to and received from others

    def _check_for_stall(self) -> None:
        """Does nothing: the watch looks for a deadlock over all ranks."""

    def fail(self, error: Exception) -> None:
        first = self.failure is None
        super().fail(error)
        if first:
            self.failed(error)
            if self._lock.acquire(timeout=WAKING_SECONDS):  # no worker's thread ends, which would wake the others
                self._wake_all()
                self._lock.release()

    def check(self) -> None:
        """Raises the first failure, if there was one."""
        if self.failure is not None:
            raise self.failure

    @contextlib.contextmanager
    def meeting(self, worker: e.Worker, away: RemoteWait) -> Iterator[None]:
        """Marks the worker as waiting for other ranks within the block."""
        with self:
            self.away[worker] = away
        try:
            yield
        finally:
            with self:
                del self.away[worker]
                self.woken += 1

    def idle(self) -> Idle | None:
        """Returns what this rank's workers wait for if all of them wait; None while one can go on."""
        with self:
            if len(self._waiting) + len(self.away) < self._alive or any(wait.ends for wait in self._waiting.values()):
                return None
            words = [(worker, wait.what) for worker, wait in self._waiting.items()]
            words += [(worker, f"the other members of {away.group}") for worker, away in self.away.items()]
            sent, received = self.messages()
            return Idle(
                woken=self.woken,
                met=dict(self.met),
                away=list(self.away.values()),
                waiting=[
                    f"{worker.name} waits for {what} ({standing(worker)})".replace(" ()", "") for worker, what in words
                ],
                sent=sent,
                received=received,
            )


class RankWatch:
    """Publishes a note every `every_seconds`, reads the others', and fails this rank's workers where one has failed.

    It runs on a thread of its own, within `with watch:`. monitor: of the part that is under way.
    """

    def __init__(self, session: RankSession, *, every_seconds: float = EVERY_SECONDS) -> None:
        self.session, self.every_seconds = session, every_seconds
        self.monitor: RankMonitor | None = None
        self.part = 0
        self._over = threading.Event()
        self._reported = False

    def __enter__(self) -> None:
        self.part += 1
        self._over.clear()
        self.monitor = None  # the last part's
        self._beat = 0
        self._idle_before: dict[int, Note] = {}  # notes of ranks that may all wait forever
        self._last_notes: dict[int, tuple[Note | None, float]] = {}  # by rank, and when it was new
        self._thread = threading.Thread(target=self._poll, name="watch", daemon=True)
        self._thread.start()

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def report_failure(self, error: BaseException) -> None:
        """Publishes that this rank has failed, unless another has before, and ends all waits for messages."""
        if not self._reported:
            self._reported = True
            failure = Failure(rank=self.session.rank, words=self._describe(error))
            with contextlib.suppress(RuntimeError):  # the store's process has ended
                self.session.store.compare_set("failure", "", to_json(failure).decode())
            self.session.transport.abort()

    def _describe(self, error: BaseException) -> str:
        if isinstance(error, RankFailed | RanksStalled):
            return str(error)
        text = str(error) if isinstance(error, WorkerFailed) else f"{type(error).__name__}: {error}"
        return (
            f"{text} [rank {self.session.rank} of {self.session.ranks}, {socket.gethostname()}, process {os.getpid()}]"
        )

    def failure(self) -> RankFailed | None:
        """Returns another rank's published failure, if any."""
        failure = self.session.read("failure", Failure)
        return RankFailed(failure.rank, failure.words) if failure and failure.rank != self.session.rank else None

    def cause(self, error: LinkLost) -> RankFailed:
        """Returns why a connection is lost: what its rank, or whoever started it, publishes soon after, or a guess."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(RuntimeError):
                if (failure := self.failure()) is not None:
                    return failure
                if message := self.session.process_loss():
                    return RankFailed(error.peer, message)
            time.sleep(0.02)
        if error.peer < 0:
            return RankFailed(error.peer, f"The connection between ranks is lost: {error.__cause__}")
        return RankFailed(error.peer, f"Rank {error.peer} of {self.session.ranks} is gone: its process has ended.")

    # ---- the thread

    def _poll(self) -> None:
        while not self._over.wait(self.every_seconds):
            if (monitor := self.monitor) is None or monitor.failure is not None:
                continue
            try:
                failure = self.failure() or self._check_ranks(monitor)
            except RuntimeError:
                words = "The store that ranks meet at is gone: the process that served it, rank 0's, has ended."
                failure = RankFailed(0, words)
            if failure is not None:
                monitor.fail(failure)

    def _check_ranks(self, monitor: RankMonitor) -> RankFailed | RanksStalled | None:
        """Publishes this rank's note, reads others' (rank 0 all, the others rank 0's) -> a failure, if there is one."""
        session = self.session
        self._beat += 1
        own_note = Note(part=self.part, beat=self._beat, idle=monitor.idle())
        session.publish(f"note {session.rank}", own_note)
        if session.rank:
            return self._find_silent({0: session.read("note 0", Note)})
        notes = {rank: session.read(f"note {rank}", Note) for rank in range(1, session.ranks)}
        return self._find_stall({0: own_note, **notes}) or self._find_silent(notes)

    def _find_silent(self, notes: Mapping[int, Note | None]) -> RankFailed | None:
        """Returns the failure of a rank that has published no new note for timeout_seconds."""
        now = time.monotonic()
        for rank, note in notes.items():
            if rank not in self._last_notes or self._last_notes[rank][0] != note:
                self._last_notes[rank] = note, now
            elif now - self._last_notes[rank][1] > self.session.timeout_seconds:
                limit = f"{self.session.timeout_seconds:g} s"
                return RankFailed(rank, f"Rank {rank} of {self.session.ranks} was not heard of for {limit}: stopped?")
        return None

    def _find_stall(self, heard: Mapping[int, Note | None]) -> RanksStalled | None:
        """Returns the deadlock of all ranks, on rank 0, once two rounds of notes show the same idle workers."""
        before, self._idle_before = self._idle_before, {}
        notes = {rank: note for rank, note in heard.items() if note is not None and note.part == self.part}
        idle = [note.idle for note in notes.values() if note.idle is not None]
        if len(idle) < len(heard) or not is_deadlocked(idle):
            return None
        if any(rank not in before or before[rank].idle != note.idle for rank, note in notes.items()):
            self._idle_before = notes
        elif all(note.beat > before[rank].beat + 1 for rank, note in notes.items()):  # all idle at one time
            return RanksStalled([words for rank in idle for words in rank.waiting])
        else:
            self._idle_before = before
        return None


def is_deadlocked(idle: Sequence[Idle]) -> bool:
    """Returns whether ranks that are all idle can never go on: no message is under way, and no meeting complete."""
    away = [meeting for rank in idle for meeting in rank.away]
    complete = any(all(rank.met.get(group, 0) >= meeting for rank in idle) for group, meeting in away)
    delivered = sum(rank.sent for rank in idle) == sum(rank.received for rank in idle)
    return delivered and not complete and any(rank.waiting for rank in idle)
