"""Watches the other ranks while workers run: for a failure, a silent rank, or a deadlock of all."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from pydantic_core import to_json

from benchmarks.executors.distributed.monitor import Idle, RankMonitor
from benchmarks.executors.distributed.place import Message
from benchmarks.executors.distributed.session import RankSession
from benchmarks.executors.distributed.transport import LinkLost
from benchmarks.executors.errors import Stalled, WorkerFailed

EVERY_SECONDS = 0.5
PATIENCE_SECONDS = 3.0
"""After a connection was lost: how long the rank's own reason, or that of whoever started it, may take."""


class Failure(Message):
    """A rank's failure, as text."""

    rank: int
    words: str


class Note(Message):
    """A rank's sign of life, published every EVERY_SECONDS.

    part: of the run, from 1. beat: counts the notes of the part. idle: what its workers wait for; None where one can go
    on.
    """

    part: int
    beat: int
    idle: Idle | None


class RankFailed(WorkerFailed):
    """A failure of another rank, in its own words."""

    def __init__(self, rank: int, words: str) -> None:
        super().__init__(f"rank {rank}", Exception(words))
        self.rank, self.words = rank, words

    def __str__(self) -> str:
        return self.words


class RanksStalled(Stalled):
    """The workers of all ranks wait for each other for ever."""

    def __init__(self, words: list[str]) -> None:
        super().__init__([])
        self.args = (f"Every worker waits and none can go on: {'; '.join(words)}",)


class RankWatch:
    """Reads the store every `every_seconds` on a thread, within `with watch:`, and fails this rank's workers.

    messages: returns how many messages this rank has sent to others' channels, and received into its own.
    """

    def __init__(self, session: RankSession, *, every_seconds: float = EVERY_SECONDS) -> None:
        self.session, self.every_seconds = session, every_seconds
        self.monitor: RankMonitor | None = None
        self.messages: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self.part = 0
        self._over = threading.Event()
        self._reported = False

    def __enter__(self) -> None:
        self.part += 1
        self._over.clear()
        self.monitor = None  # the last part's
        self._beat = 0
        self._idle_before: dict[int, Note] = {}  # notes of ranks that may all wait for ever
        self._last_beats: dict[int, tuple[tuple[int, int] | None, float]] = {}  # by rank, part and beat, and since when
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
            with contextlib.suppress(RuntimeError):  # the store is gone with whoever served it
                self.session.store.compare_set("failure", "", to_json(failure).decode())
            self.session.abort()

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
        """Returns why a connection is lost: the failure that its rank, or whoever started it, publishes soon after.

        Or a guess.
        """
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
        """Reads the other ranks' notes (rank 0 reads all, the others rank 0's) -> a failure, if there is one."""
        own_note = self._publish_note(monitor)
        ranks = range(self.session.ranks) if not self.session.rank else range(1)
        notes = {rank: self.session.read(f"note {rank}", Note) for rank in ranks if rank != self.session.rank}
        stalled = self._find_stall({self.session.rank: own_note, **notes}) if not self.session.rank else None
        return stalled or self._find_silent(notes)

    def _publish_note(self, monitor: RankMonitor) -> Note:
        """Publishes this rank's note, and returns it."""
        self._beat += 1
        idle = monitor.idle()
        if idle is not None:
            sent, received = self.messages()
            idle = idle.model_copy(update={"sent": sent, "received": received})
        note = Note(part=self.part, beat=self._beat, idle=idle)
        self.session.publish(f"note {self.session.rank}", note)
        return note

    def _find_silent(self, notes: Mapping[int, Note | None]) -> RankFailed | None:
        """Returns the failure of a rank that has published no new note for timeout_seconds."""
        now = time.monotonic()
        for rank, note in notes.items():
            beat = (note.part, note.beat) if note is not None else None
            last = self._last_beats.get(rank)
            since = now if last is None or last[0] != beat else last[1]
            self._last_beats[rank] = (beat, since)
            if now - since > self.session.timeout_seconds:
                limit = f"{self.session.timeout_seconds:g} s"
                return RankFailed(rank, f"Rank {rank} of {self.session.ranks} was not heard of for {limit}: stopped?")
        return None

    def _find_stall(self, heard: Mapping[int, Note | None]) -> RanksStalled | None:
        """Returns the deadlock of all ranks, on rank 0, once two rounds of notes show the same idle workers.

        Else None.
        """
        first, self._idle_before = self._idle_before, {}
        notes = {rank: note for rank, note in heard.items() if note is not None and note.part == self.part}
        idle = [note.idle for note in notes.values() if note.idle is not None]
        if len(idle) < len(heard) or not _is_deadlocked(idle):
            return None
        if any(rank not in first or first[rank].idle != note.idle for rank, note in notes.items()):
            self._idle_before = notes
        elif all(note.beat > first[rank].beat + 1 for rank, note in notes.items()):  # all idle at one time
            return RanksStalled([words for rank in idle for words in rank.waiting])
        else:
            self._idle_before = first
        return None


def _is_deadlocked(idle: Sequence[Idle]) -> bool:
    """Returns whether ranks that are all idle can never go on: no message is under way, and no meeting complete."""
    away = [meeting for rank in idle for meeting in rank.away]
    complete = any(all(rank.met.get(group, 0) >= meeting for rank in idle) for group, meeting in away)
    delivered = sum(rank.sent for rank in idle) == sum(rank.received for rank in idle)
    return delivered and not complete and any(rank.waiting for rank in idle)
