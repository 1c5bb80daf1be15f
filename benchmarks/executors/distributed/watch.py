"""What a rank finds out of the others while workers are under way: a failure, a silence, or that all wait for ever."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.executors.distributed.monitor import RankMonitor
from benchmarks.executors.distributed.session import Joint
from benchmarks.executors.distributed.wire import LinkLost
from benchmarks.executors.errors import Stalled, WorkerFailed

EVERY_SECONDS = 0.5
PATIENCE_SECONDS = 3.0
"""After a connection was lost: how long the rank's own reason, or that of whoever started it, may take."""


class RankFailed(WorkerFailed):
    """What another rank failed of, in its words."""

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

    traffic: how many messages this rank has sent to others' channels, and had into its own.
    """

    def __init__(self, joint: Joint, *, every_seconds: float = EVERY_SECONDS) -> None:
        self.joint, self.every_seconds = joint, every_seconds
        self.monitor: RankMonitor | None = None
        self.traffic: Any = lambda: (0, 0)
        self.part = 0
        self._over = threading.Event()
        self._told = False

    def __enter__(self) -> None:
        self.part += 1
        self._over.clear()
        self.monitor = None  # the last part's
        self._beat = 0
        self._wave: dict[int, Any] = {}
        self._seen: dict[int, tuple[Any, float]] = {}
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        self._thread.start()

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def tell(self, error: BaseException) -> None:
        """This rank has failed: the first of all ranks' failures counts. All waits for messages end."""
        if not self._told:
            self._told = True
            said = {"rank": self.joint.rank, "words": self._words(error)}
            with contextlib.suppress(RuntimeError):  # the store is gone with whoever served it
                self.joint.store.compare_set("failure", "", json.dumps(said))
            self.joint.abort()

    def _words(self, error: BaseException) -> str:
        if isinstance(error, RankFailed | RanksStalled):
            return str(error)
        text = str(error) if isinstance(error, WorkerFailed) else f"{type(error).__name__}: {error}"
        return f"{text} [rank {self.joint.rank} of {self.joint.ranks}, {socket.gethostname()}, process {os.getpid()}]"

    def failure(self) -> RankFailed | None:
        """Another rank's."""
        found = self.joint.heard("failure")
        if found is not None and found["rank"] != self.joint.rank:
            return RankFailed(found["rank"], found["words"])
        return None

    def cause(self, error: LinkLost) -> RankFailed:
        """Why a connection is lost: what its rank has said, or whoever started it, soon after."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(RuntimeError):
                if (failure := self.failure()) is not None:
                    return failure
                if lost := self.joint.lost():
                    return RankFailed(error.peer, lost)
            time.sleep(0.02)
        if error.peer < 0:
            return RankFailed(error.peer, f"The connection between ranks is lost: {error.__cause__}")
        return RankFailed(error.peer, f"Rank {error.peer} of {self.joint.ranks} is gone: its process has ended.")

    # ---- the thread

    def _look(self) -> None:
        while not self._over.wait(self.every_seconds):
            if (monitor := self.monitor) is None or monitor.failure is not None:
                continue
            try:
                found = self.failure() or self._look_around(monitor)
            except RuntimeError:
                words = "The store that ranks meet at is gone: the process that served it, rank 0's, has ended."
                found = RankFailed(0, words)
            if found is not None:
                monitor.fail(found)

    def _look_around(self, monitor: RankMonitor) -> RankFailed | RanksStalled | None:
        """Rank 0 looks at all others, and they at rank 0: what it finds, it tells them."""
        own = self._note(monitor)
        ranks = range(self.joint.ranks) if not self.joint.rank else range(1)
        notes = {rank: self.joint.heard(f"note {rank}") for rank in ranks if rank != self.joint.rank}
        stalled = self._stalled({self.joint.rank: own, **notes}) if not self.joint.rank else None
        return stalled or self._silent(notes)

    def _note(self, monitor: RankMonitor) -> Any:
        """What this rank says of itself, as the others read it: that its heart beats, and whether all here wait."""
        self._beat += 1
        idle = monitor.idle()
        if idle is not None:
            idle |= {"traffic": list(self.traffic())}
        note = {"part": self.part, "beat": self._beat, "idle": idle}
        self.joint.say(f"note {self.joint.rank}", note)
        return note

    def _silent(self, notes: Mapping[int, Any]) -> RankFailed | None:
        """A rank whose heart has not beaten for too long."""
        now = time.monotonic()
        for rank, note in notes.items():
            beat = note and (note["part"], note["beat"])
            last = self._seen.get(rank)
            since = now if last is None or last[0] != beat else last[1]
            self._seen[rank] = (beat, since)
            if now - since > self.joint.timeout_seconds:
                limit = f"{self.joint.timeout_seconds:g} s"
                return RankFailed(rank, f"Rank {rank} of {self.joint.ranks} was not heard of for {limit}: stopped?")
        return None

    def _stalled(self, notes: Mapping[int, Any]) -> RanksStalled | None:
        """Found by rank 0, of what all ranks note: the same for some time, in which all were idle."""
        first, self._wave = self._wave, {}
        if not all(_idle(note, self.part) for note in notes.values()) or not _for_ever(notes.values()):
            return None
        if not all(_same(first.get(rank), note) for rank, note in notes.items()):
            self._wave = dict(notes)
        elif all(note["beat"] > first[rank]["beat"] + 1 for rank, note in notes.items()):  # all idle at one time
            return RanksStalled([words for note in notes.values() for words in note["idle"]["waiting"]])
        else:
            self._wave = first
        return None


def _idle(note: Any, part: int) -> bool:
    return bool(note and note["part"] == part and note["idle"] is not None)


def _same(before: Any, now: Any) -> bool:
    return bool(before and before["part"] == now["part"] and before["idle"] == now["idle"])


def _for_ever(notes: Iterable[Any]) -> bool:
    """Of ranks that are all idle: no message is on its way, no meeting complete; and somebody waits."""
    idle = [note["idle"] for note in notes]
    sent, had = (sum(one["traffic"][i] for one in idle) for i in (0, 1))
    away = [one for each in idle for one in each["away"]]
    complete = any(all(one["met"].get(group, 0) >= meeting for one in idle) for group, meeting in away)
    return sent == had and not complete and any(one["waiting"] for one in idle)
