"""Signs of life of training processes, watched from outside: one that is stopped cannot say so itself.

Nor can one in which a thread keeps Python's lock to itself, in native code that never returns.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks.runner.processes.messages import Alive, Begin, Event, Listen, Remark
from benchmarks.runner.processes.watch import SILENT_SECONDS, every_seconds

FIRST_SECONDS = 120.0  # that a process has for its imports, before its first sign


@dataclass
class _Silence:
    """Silence of one process: seconds since its last sign of life, and what its run was at then."""

    begun: bool = False
    at: str = ""
    seconds: float = 0.0
    next: float = SILENT_SECONDS


class Heartbeats:
    """Watches a pool's processes for signs of life. stall_after: seconds of silence that end one; None: no limit.

    Time in which this process itself was stopped (Ctrl-Z, a machine that slept) does not count.
    """

    def __init__(self, stall_after: float | None, listen: Listen) -> None:
        self.every = every_seconds(stall_after)
        self._stall_after, self._listen = stall_after, listen
        self._silences: dict[str, _Silence] = {}
        self._last = time.monotonic()

    def hear(self, event: Event | Alive) -> None:
        """Take in an event of the pool: each is a sign of life."""
        at = event.at if isinstance(event, Alive) else self._silences.get(event.id, _Silence()).at
        self._silences[event.id] = _Silence(not isinstance(event, Begin), at)
        if not isinstance(event, Alive):
            self._listen(event)

    def lost(self, running: Iterable[str]) -> Iterator[tuple[str, str]]:
        """The runs, of those whose ids are given, that nobody need wait for any more, each with a reason."""
        now = time.monotonic()
        passed, self._last = min(now - self._last, 2 * self.every), now
        self._silences = {id: self._silences.get(id, _Silence()) for id in running}
        for id, silence in self._silences.items():
            silence.seconds += passed
            least = 0.0 if silence.begun else FIRST_SECONDS
            if self._stall_after is not None and silence.seconds >= max(self._stall_after, least):
                yield id, _sentence(silence)
            elif silence.seconds >= silence.next:
                silence.next = 2 * silence.seconds
                self._listen(Remark(id, _sentence(silence)))


def _sentence(silence: _Silence) -> str:
    what = f"no sign of life from its process for {silence.seconds:.0f} s"
    at = f", last {silence.at}" if silence.at else ""
    why = "it was stopped, or native code keeps Python's lock"
    starting = "" if silence.begun else "it may still be loading libraries, or "
    return f"{what}{at} ({starting}{why}); the same command repeats the run"
