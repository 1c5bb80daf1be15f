"""Ends a process within seconds of SIGINT, SIGTERM or SIGHUP, whatever it is doing."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any

from results.children import end_within

WORDS = {"SIGINT": "Interrupted", "SIGTERM": "Terminated", "SIGHUP": "Hung up"}
TRAINING_SECONDS, POOL_SECONDS, COMMAND_SECONDS = 7.0, 8.0, 9.5
"""Seconds from a request to the end of a training process, of a whole pool, and of the command."""

TERMINATED = 143
"""Exit code of a process that was asked to end."""

AGAIN_SECONDS = 0.1
"""Seconds between two checks whether a request was lost."""


class Asked(BaseException):
    """A signal asked this process to end. number: of the signal; code: the exit code, as in shells."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number, self.code = number, 128 + number


class Terminated(Asked):
    """A signal asked this training process to end."""


class Signalled(Asked, KeyboardInterrupt):
    """A signal asked the command to end. word: first word of the message about it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.word = WORDS.get(signal.Signals(number).name, "Asked to end")


def signalled(error: BaseException) -> Signalled:
    """Marks the command's request as answered -> the request, also for a Ctrl-C raised by Python itself."""
    command.answered = True
    return error if isinstance(error, Signalled) else Signalled(command.asked or signal.SIGINT)


def of_commands() -> list[int]:
    """Returns signals that a command handles; signals ignored from the start (nohup, background) stay ignored."""
    numbers = [getattr(signal, name) for name in WORDS if hasattr(signal, name)]
    return [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]


class EndRequest:
    """A request to end, by signals: the first one raises in the main thread, later ones change nothing.

    Python drops exceptions in weakref callbacks, in `__del__` and at exit, and libraries or plug-ins may swallow them.
    Until the request is `answered`, it is therefore raised again whenever its exception has been garbage-collected.

    Attributes: asked: number of the first signal; None before it. answered: set by the code that handles the request.
    at_once: whether a signal ends the process without raising, since it has nothing to write.
    """

    def __init__(self) -> None:
        self.asked: int | None = None
        self.answered = self.at_once = False
        self._held, self._due, self._lost = 0, False, False

    def listen(
        self,
        numbers: Iterable[int],
        error: Callable[[int], BaseException] = Signalled,
        seconds: float | None = COMMAND_SECONDS,
    ) -> None:
        """Handles these signals from now on; only the main thread may call it.

        Args:
            numbers: of the signals.
            error: makes the exception from a signal's number.
            seconds: from the request to the forced end of the process; None: no limit.
        """
        self._error, self._seconds = error, seconds
        for number in numbers:
            signal.signal(number, self._hear)
        sys.unraisablehook = _without_requests(sys.unraisablehook)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Delays signals: one that comes within the block raises at its end."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            if self._due and not self._held:
                self._raise()

    @contextlib.contextmanager
    def raised(self) -> Iterator[None]:
        """Lets a signal raise within the block; outside, it ends the process at once."""
        self.at_once = False
        try:
            yield
        finally:
            self.at_once = True

    @property
    def pending(self) -> bool:
        """Whether there is a request that is not answered yet."""
        return self.asked is not None and not self.answered

    def look(self) -> None:
        """Raises a request that is not answered yet."""
        if self.pending:
            self._raise()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.at_once:
            os._exit(128 + number)
        if self.asked is None:
            self.asked = number
            if self._seconds is not None:
                end_within(self._seconds, 128 + number)
            with contextlib.suppress(RuntimeError):  # no memory for a thread
                _thread.start_new_thread(self._remind, ())
            self._raise()
        elif self._lost:
            self.look()

    def _raise(self) -> None:
        assert self.asked is not None
        self._due = self._held > 0
        if self._due:
            return
        error, self._lost = self._error(self.asked), False
        self._followed = weakref.ref(error, self._lose)
        try:
            raise error
        finally:
            del error  # or its traceback would refer to it

    def _lose(self, reference: Any) -> None:
        self._lost = True

    def _remind(self) -> None:
        """Makes the handler raise again, in the main thread, each time its exception was lost."""
        assert self.asked is not None
        while not self.answered:
            time.sleep(AGAIN_SECONDS)
            if self._lost and hasattr(signal, "pthread_kill"):
                signal.pthread_kill(threading.main_thread().ident or 0, self.asked)
            elif self._lost:
                _thread.interrupt_main(signal.Signals(self.asked))


def _without_requests(shown: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Wraps Python's hook for dropped exceptions to ignore requests, which are raised again."""

    def hook(unraisable: Any) -> None:
        if not isinstance(unraisable.exc_value, Asked):
            shown(unraisable)

    return hook


command, training = EndRequest(), EndRequest()
"""End requests of this process, as a command and as a training process."""
