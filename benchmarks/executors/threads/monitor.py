"""The monitor: guards what workers share, decides which worker continues, and detects deadlocks."""

from __future__ import annotations

import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf

from benchmarks.executors.activity import Activity
from benchmarks.executors.errors import Stalled
from methods import effects as e


class Stopped(Exception):
    """Raised in a waiting worker after another worker has failed."""


def _identity(value: object) -> object:
    return value


@dataclass(eq=False, slots=True)
class Wait:
    """A wait for `ready()`; the value of the effect is then `use(take())`.

    what: what is waited for, for error messages.
    take: called under the monitor's lock as soon as it is ready, by the thread that made it so.
    use: called without the lock, when the worker continues.
    deadline: when the wait ends in any case, in seconds of `time.perf_counter`.
    """

    what: str
    ready: Callable[[], bool]
    take: Callable[[], object]
    use: Callable[[object], object] = _identity
    deadline: float = inf

    def then(self, use: Callable[[object], object]) -> Wait:
        """Returns the same wait with `use` applied to its value."""
        before = self.use
        return replace(self, use=lambda value: use(before(value)))


@dataclass(eq=False, slots=True)
class WorkerTurn(Activity):
    """A worker between two effects, and the value to send to its program next.

    context: the worker's own contextvars, used on whichever thread it runs.
    """

    context: contextvars.Context = field(default_factory=contextvars.Context)
    value: object = None
    use: Callable[[object], object] = _identity

    def take(self) -> object:
        """Returns the value to send to the program, and clears it."""
        value, use = self.value, self.use
        self.value, self.use = None, _identity
        return use(value)

    def give(self, wait: Wait) -> None:
        """Stores the value of a wait that is ready. The caller holds the monitor's lock."""
        self.value, self.use = wait.take(), wait.use


@dataclass(eq=False, slots=True)
class Waiting:
    """A worker that waits.

    what: what it waits for, for error messages.
    resume: lets it continue.
    turn: None for a wait in the middle of an effect, which keeps its thread.
    """

    what: str
    ready: Callable[[], bool]
    resume: Callable[[], None]
    turn: WorkerTurn | None = None
    deadline: float = inf

    @property
    def ends(self) -> bool:
        """Returns whether it is ready, or will be at its deadline."""
        return self.deadline < inf or self.ready()


class Monitor:
    """Guards one epoch's workers.

    Workers take turns on fewer threads than there are workers: one that waits frees its thread for another, and a
    thread sleeps only if no worker can continue. Call `changed` and `wait` inside `with monitor:`; the other methods
    lock it themselves.
    """

    def __init__(self, turns: list[WorkerTurn]) -> None:
        self.failure: Exception | None = None
        self.over = threading.Event()  # all have ended, or one has failed
        self.turns = deque(turns)  # workers that can continue, the longest waiting first
        self._failing, self._lock = threading.Lock(), threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._alive = len(turns)
        self._waiting: dict[e.Worker, Waiting] = {}
        self._settling = self._stale = False
        self._deadline = inf  # the first of all waits; it may have ended already
        self.woken = 0  # waits that ended

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *exc: object) -> None:
        self._lock.release()

    # ---- for the threads that run workers

    def next(self) -> WorkerTurn | None:
        """Waits for a worker that can continue, and returns it. Returns None once none is left.

        After a failure it returns the waiting workers, so that their programs are closed.
        """
        with self:
            if self.overdue:
                self._pass_deadlines()
            while not self.turns and self.failure is None and self._alive:
                self._idle.wait(None if self._deadline == inf else max(0.0, self._deadline - time.perf_counter()))
                if self.overdue:
                    self._pass_deadlines()
            if self.turns:
                return self.turns.popleft()
            for worker, waiting in self._waiting.items():
                if waiting.turn is not None:
                    del self._waiting[worker]
                    return waiting.turn
            return None

    @property
    def overdue(self) -> bool:
        """Returns whether a deadline may have passed, so that a thread should call `next`."""
        return self._deadline != inf and self._deadline <= time.perf_counter()

    def _pass_deadlines(self) -> None:
        """Resumes the workers whose deadlines have passed."""
        self.changed()
        self._deadline = min((waiting.deadline for waiting in self._waiting.values()), default=inf)

    def give(self, turn: WorkerTurn, wait: Wait) -> bool:
        """Gives the worker the value of its wait if it is ready, and returns whether it was.

        Call it in the worker's context.
        """
        with self:
            if ready := wait.ready():
                turn.give(wait)
            return ready

    def leave(self, turn: WorkerTurn, wait: Wait | None) -> None:
        """Registers the worker as waiting; with wait=None puts it at the end of the queue.

        Call it outside the worker's context.
        """

        def resume() -> None:
            del self._waiting[turn.worker]
            self.woken += 1
            assert wait is not None
            turn.context.run(turn.give, wait)
            self._enqueue(turn)

        with self:
            if wait is None:
                self._enqueue(turn)
                return
            self._waiting[turn.worker] = Waiting(wait.what, wait.ready, resume, turn, wait.deadline)
            if wait.deadline < self._deadline:
                self._deadline = wait.deadline
                self._idle.notify()  # a sleeping thread recomputes how long to sleep
            if self.failure is not None:
                self._idle.notify_all()
            elif wait.ready():  # it became ready after `give` was called
                resume()
            else:
                self._check_for_stall()

    def _enqueue(self, turn: WorkerTurn) -> None:
        self.turns.append(turn)
        self._idle.notify()

    # ---- for what workers share

    def changed(self) -> None:
        """Resumes all workers whose waits have become ready, in the order in which they began to wait.

        Call it after any change of what workers share.
        """
        self._stale = True
        if self._settling:  # taking a value may make another wait ready; the loop below goes round again
            return
        self._settling = True
        try:
            while self._stale:
                self._stale = False
                for waiting in list(self._waiting.values()):
                    if waiting.ready():
                        waiting.resume()
        finally:
            self._settling = False

    def wait(self, worker: e.Worker, what: str, ready: Callable[[], bool]) -> None:
        """Blocks the thread until ready: for a wait in the middle of an effect.

        Raises Stopped after another worker has failed, and at a deadlock.
        """
        if ready():
            return
        condition = threading.Condition(self._lock)
        self._waiting[worker] = Waiting(what, ready, condition.notify)
        try:
            while not ready():  # another worker may have taken what it was woken for
                self._check_for_stall()
                if self.failure is None:
                    condition.wait()
                if self.failure is not None:
                    raise Stopped
        finally:
            del self._waiting[worker]
            self.woken += 1

    # ---- ends

    def fail(self, error: Exception) -> None:
        """Ends all workers because of this error, unless an earlier one already has."""
        with self._failing:  # not the monitor's lock, which a stuck worker may hold
            self.failure = self.failure or error
        self.over.set()

    def ended(self) -> None:
        """Records that a worker has ended, normally or not."""
        with self:
            self._alive -= 1
            self._check_for_stall()
            if self.failure is not None or not self._alive:
                self._wake_all()
        if not self._alive:
            self.over.set()

    def _wake_all(self) -> None:
        self._idle.notify_all()
        for waiting in self._waiting.values():
            if waiting.turn is None:
                waiting.resume()

    def _check_for_stall(self) -> None:
        """Fails the epoch if all workers wait and no wait can end: a deadlock."""
        if self.failure is not None or not self._alive or len(self._waiting) < self._alive:
            return
        if not any(waiting.ends for waiting in self._waiting.values()):
            self.fail(Stalled((worker, waiting.what) for worker, waiting in self._waiting.items()))
            self._wake_all()
