"""The monitor: guards what workers share with each other, says whose turn is next, and detects deadlocks."""

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
    """Raised in a worker that waits when another has failed."""


def _identity(value: object) -> object:
    return value


@dataclass(eq=False, slots=True)
class Wait:
    """A wait that an effect asks for: once `ready()`, its value is `use(take())`.

    what: in words, for errors. take: called under the monitor as soon as it is ready, by whichever thread made it so.
    use: called outside the monitor, when the worker has its turn again. deadline: when it becomes ready by itself, in
    seconds of `time.perf_counter`.
    """

    what: str
    ready: Callable[[], bool]
    take: Callable[[], object]
    use: Callable[[object], object] = _identity
    deadline: float = inf

    def then(self, use: Callable[[object], object]) -> Wait:
        """Returns a wait whose value goes through `use` as well."""
        before = self.use
        return replace(self, use=lambda value: use(before(value)))


@dataclass(eq=False, slots=True)
class WorkerTurn(Activity):
    """A worker between two effects, and the value to send to its program next.

    context: the worker's own contextvars, on whichever thread it has its turn.
    """

    context: contextvars.Context = field(default_factory=contextvars.Context)
    value: object = None
    use: Callable[[object], object] = _identity

    def take(self) -> object:
        """Returns the value to send to the program, and forgets it."""
        value, use = self.value, self.use
        self.value, self.use = None, _identity
        return use(value)

    def give(self, wait: Wait) -> None:
        """Stores the value of a wait that has ended. Under the monitor."""
        self.value, self.use = wait.take(), wait.use


@dataclass(eq=False, slots=True)
class Waiting:
    """A worker that waits. what: in words; resume: lets it go on."""

    what: str
    ready: Callable[[], bool]
    resume: Callable[[], None]
    turn: WorkerTurn | None = None
    deadline: float = inf

    @property
    def ends(self) -> bool:
        """Returns whether it is ready, or will be whatever others do."""
        return self.deadline < inf or self.ready()


class Monitor:
    """Guards one epoch's workers.

    `with monitor:` before `changed` and `wait`; the other methods take the lock themselves.

    Workers take turns on fewer threads than there are workers: one that waits frees its thread for another, and a
    thread sleeps only where no worker can go on.
    """

    def __init__(self, turns: list[WorkerTurn]) -> None:
        self.failure: Exception | None = None
        self.over = threading.Event()  # all have ended, or one has failed
        self.turns = deque(turns)  # of those that can go on, the longest waiting first
        self._failing, self._lock = threading.Lock(), threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._alive = len(turns)
        self._waiting: dict[e.Worker, Waiting] = {}
        self._settling = self._stale = False
        self._deadline = inf  # of those who wait, the first; or one that is no more
        self.woken = 0  # waits that ended

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *exc: object) -> None:
        self._lock.release()

    # ---- for the threads that carry workers

    def next(self) -> WorkerTurn | None:
        """Waits for a worker that can go on (after a failure: one to be ended) -> its turn.

        None once there is none left.
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
        """Returns whether somebody's deadline may have passed, so that a thread should ask for the `next` turn."""
        return self._deadline != inf and self._deadline <= time.perf_counter()

    def _pass_deadlines(self) -> None:
        """Resumes those whose deadlines have passed."""
        self.changed()
        self._deadline = min((waiting.deadline for waiting in self._waiting.values()), default=inf)

    def give(self, turn: WorkerTurn, wait: Wait) -> bool:
        """Gives the worker the value of its wait, if it is ready -> whether it was. In the worker's context."""
        with self:
            if ready := wait.ready():
                turn.give(wait)
            return ready

    def leave(self, turn: WorkerTurn, wait: Wait | None) -> None:
        """Parks the worker until its wait is ready; with None, puts it at the end of the queue. Outside its context."""

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
                self._idle.notify()  # whoever sleeps, sleeps until then
            if self.failure is not None:
                self._idle.notify_all()
            elif wait.ready():  # it has become so meanwhile
                resume()
            else:
                self._check_for_stall()

    def _enqueue(self, turn: WorkerTurn) -> None:
        self.turns.append(turn)
        self._idle.notify()

    # ---- for what workers share

    def changed(self) -> None:
        """Resumes all workers whose waits have become ready, in the order in which they began to wait.

        Call after any change.
        """
        self._stale = True
        if self._settling:  # what one of them takes may let another go on
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

        Raises Stopped once another worker has failed, or when nobody will ever be ready.
        """
        if ready():
            return
        condition = threading.Condition(self._lock)
        self._waiting[worker] = Waiting(what, ready, condition.notify)
        try:
            while not ready():  # what it was woken for may be gone
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
        """Ends all workers; those that wait are woken. Only the first error counts."""
        with self._failing:  # and not the monitor, which a worker that is stuck may hold
            self.failure = self.failure or error
        self.over.set()

    def ended(self) -> None:
        """Notes that a worker has ended, in whatever way."""
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
        """Fails the epoch where all workers wait and none is ready, since nobody ever will be."""
        if self.failure is not None or not self._alive or len(self._waiting) < self._alive:
            return
        if not any(waiting.ends for waiting in self._waiting.values()):
            self.fail(Stalled((worker, waiting.what) for worker, waiting in self._waiting.items()))
            self._wake_all()
