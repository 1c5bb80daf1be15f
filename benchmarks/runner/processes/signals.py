"""SIGINT, SIGTERM and SIGHUP, which ask a process to end: answered once, and within seconds whatever it is at."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from types import FrameType

WORDS = {"SIGINT": "Interrupted", "SIGTERM": "Terminated", "SIGHUP": "Hung up"}
TRAINING_SECONDS, POOL_SECONDS, COMMAND_SECONDS = 7.0, 8.0, 9.5
"""That a training process has from its SIGTERM to its end, the pool for all of them, the command for itself."""

TERMINATED = 143
"""The exit code of a process that was asked to end."""


class Terminated(BaseException):
    """The parent, or somebody else, asked this process to end."""


class Signalled(KeyboardInterrupt):
    """The command was asked to end. word: what a sentence on it begins with; code: the exit code, as shells have it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.word, self.code = WORDS[signal.Signals(number).name], 128 + number


def signalled(error: KeyboardInterrupt) -> Signalled:
    """The same, of a Ctrl-C that Python itself has raised as well."""
    return error if isinstance(error, Signalled) else Signalled(signal.SIGINT)


class Command:
    """How the main thread of a command hears of the three: the first raises Signalled, later ones change nothing.

    One that was ignored when the command began (SIGHUP under nohup, SIGINT in the background) stays ignored.
    """

    def __init__(self) -> None:
        self.asked: int | None = None
        self._held, self._due = 0, False

    def listen(self) -> None:
        """From now on. Only the main thread may call it."""
        for number in (getattr(signal, name) for name in WORDS if hasattr(signal, name)):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._hear)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """In the block none raises; one that comes meanwhile does at its end."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            if self._due and not self._held:
                self._raise()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.asked is None:
            self.asked = number
            end_within(COMMAND_SECONDS, 128 + number)
            self._raise()

    def _raise(self) -> None:
        assert self.asked is not None
        self._due = self._held > 0
        if not self._due:
            raise Signalled(self.asked)


command = Command()
"""Of this process."""


def end_within(seconds: float, code: int) -> None:
    """End this process so many seconds from now, whatever its threads do then; safe in a handler of signals."""

    def end() -> None:
        time.sleep(seconds)
        os._exit(code)

    _thread.start_new_thread(end, ())  # threading.Thread takes locks that the interrupted code may hold


@contextlib.contextmanager
def blocked() -> Iterator[None]:
    """A process that is started inside inherits what is blocked: no signal to the group ends it during its imports."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP, signal.SIGUSR2})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # one that came meanwhile is delivered now
