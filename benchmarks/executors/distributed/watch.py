"""The watch over other ranks while workers are under way: for a failure, a silence, or a deadlock of all."""

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
    """A rank's failure, in its words."""

    rank: int
    words: str


class Note(Message):
    """A rank's sign of life, and whether all its workers wait.

    part: of the run, 1 the first. idle: None where a worker can go on.
    """

    part: int
    beat: int
    idle: Idle | None


class RankFailed(WorkerFailed):
    """A failure of another rank, in its words."""

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
    """`with watch:` while a part is under way: a thread that looks at the store now and then.

    messages: how many this rank has sent to others' channels, and received into its own.
    """

    def __init__(self, session: RankSession, *, every_seconds: float = EVERY_SECONDS) -> None:
        self.session, self.every_seconds = session, every_seconds
        self.monitor: RankMonitor | None = None
        self.messages: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self.part = 0
        self._over = threading.Event()
        self._told = False

    def __enter__(self) -> None:
        self.part += 1
        self._over.clear()
        self.monitor = None  # the last part's
        self._beat = 0
        self._wave: dict[int, Note] = {}  # notes of ranks that may all wait for ever
        self._seen: dict[int, tuple[tuple[int, int] | None, float]] = {}  # by rank, part and beat, and since when
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        self._thread.start()

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def tell(self, error: BaseException) -> None:
        """This rank has failed: the first of all ranks' failures counts. All waits for messages end."""
        if not self._told:
            self._told = True
            failure = Failure(rank=self.session.rank, words=self._words(error))
            with contextlib.suppress(RuntimeError):  # the store is gone with whoever served it
                self.session.store.compare_set("failure", "", to_json(failure).decode())
            self.session.abort()

    def _words(self, error: BaseException) -> str:
        if isinstance(error, RankFailed | RanksStalled):
            return str(error)
        text = str(error) if isinstance(error, WorkerFailed) else f"{type(error).__name__}: {error}"
        return (
            f"{text} [rank {self.session.rank} of {self.session.ranks}, {socket.gethostname()}, process {os.getpid()}]"
        )

    def failure(self) -> RankFailed | None:
        """Returns another rank's."""
        failure = self.session.heard("failure", Failure)
        return RankFailed(failure.rank, failure.words) if failure and failure.rank != self.session.rank else None

    def cause(self, error: LinkLost) -> RankFailed:
        """Why a connection is lost: what its rank has said, or whoever started it, soon after."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(RuntimeError):
                if (failure := self.failure()) is not None:
                    return failure
                if lost := self.session.lost():
                    return RankFailed(error.peer, lost)
            time.sleep(0.02)
        if error.peer < 0:
            return RankFailed(error.peer, f"The connection between ranks is lost: {error.__cause__}")
        return RankFailed(error.peer, f"Rank {error.peer} of {self.session.ranks} is gone: its process has ended.")

    # ---- the thread

    def _look(self) -> None:
        while not self._over.wait(self.every_seconds):
            if (monitor := self.monitor) is None or monitor.failure is not None:
                continue
            try:
                failure = self.failure() or self._look_around(monitor)
            except RuntimeError:
                words = "The store that ranks meet at is gone: the process that served it, rank 0's, has ended."
                failure = RankFailed(0, words)
            if failure is not None:
                monitor.fail(failure)

    def _look_around(self, monitor: RankMonitor) -> RankFailed | RanksStalled | None:
        """Rank 0 looks at all others, and they at rank 0: what it finds, it tells them."""
        own = self._note(monitor)
        ranks = range(self.session.ranks) if not self.session.rank else range(1)
        notes = {rank: self.session.heard(f"note {rank}", Note) for rank in ranks if rank != self.session.rank}
        stalled = self._stalled({self.session.rank: own, **notes}) if not self.session.rank else None
        return stalled or self._silent(notes)

    def _note(self, monitor: RankMonitor) -> Note:
        """Says how this rank is, as the others read it."""
        self._beat += 1
        idle = monitor.idle()
        if idle is not None:
            sent, received = self.messages()
            idle = idle.model_copy(update={"sent": sent, "received": received})
        note = Note(part=self.part, beat=self._beat, idle=idle)
        self.session.say(f"note {self.session.rank}", note)
        return note

    def _silent(self, notes: Mapping[int, Note | None]) -> RankFailed | None:
        """Returns the failure of a rank whose heart has not beaten for too long."""
        now = time.monotonic()
        for rank, note in notes.items():
            beat = (note.part, note.beat) if note is not None else None
            last = self._seen.get(rank)
            since = now if last is None or last[0] != beat else last[1]
            self._seen[rank] = (beat, since)
            if now - since > self.session.timeout_seconds:
                limit = f"{self.session.timeout_seconds:g} s"
                return RankFailed(rank, f"Rank {rank} of {self.session.ranks} was not heard of for {limit}: stopped?")
        return None

    def _stalled(self, heard: Mapping[int, Note | None]) -> RanksStalled | None:
        """Found by rank 0, of what all ranks note: the same for some time, in which all were idle."""
        first, self._wave = self._wave, {}
        notes = {rank: note for rank, note in heard.items() if note is not None and note.part == self.part}
        idle = [note.idle for note in notes.values() if note.idle is not None]
        if len(idle) < len(heard) or not _is_deadlocked(idle):
            return None
        if any(rank not in first or first[rank].idle != note.idle for rank, note in notes.items()):
            self._wave = notes
        elif all(note.beat > first[rank].beat + 1 for rank, note in notes.items()):  # all idle at one time
            return RanksStalled([words for rank in idle for words in rank.waiting])
        else:
            self._wave = first
        return None


def _is_deadlocked(idle: Sequence[Idle]) -> bool:
    """Returns whether of ranks that are all idle no message is on its way and no meeting complete; and one waits."""
    away = [meeting for rank in idle for meeting in rank.away]
    complete = any(all(rank.met.get(group, 0) >= meeting for rank in idle) for group, meeting in away)
    delivered = sum(rank.sent for rank in idle) == sum(rank.received for rank in idle)
    return delivered and not complete and any(rank.waiting for rank in idle)
