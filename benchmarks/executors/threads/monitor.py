"""The one monitor that guards what workers share with each other, hands out their turns, and knows a deadlock."""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.executors.activity import Activity
from benchmarks.executors.errors import Stalled
from methods import effects as e


class Stopped(Exception):
    """Another worker has failed before."""


def _same(value: object) -> object:
    return value


@dataclass(eq=False, slots=True)
class Wait:
    """A wait of an effect: once `ready`, its value is `use(take())`.

    take: under the monitor, at once when it is ready, by whichever thread made it so. use: outside it, when the worker
    has its turn again.
    """

    what: str
    ready: Callable[[], bool]
    take: Callable[[], object]
    use: Callable[[object], object] = _same

    def then(self, use: Callable[[object], object]) -> Wait:
        """Returns a wait whose value is used further."""
        before = self.use
        return Wait(self.what, self.ready, self.take, lambda value: use(before(value)))


@dataclass(eq=False, slots=True)
class Turn(Activity):
    """A worker between two effects, and the value that its program is sent next.

    context: what is local to the worker (contextvars), on whichever thread it has its turn.
    """

    context: contextvars.Context = field(default_factory=contextvars.Context)
    value: object = None
    use: Callable[[object], object] = _same

    def take(self) -> object:
        """Returns what its program is sent next."""
        value, use = self.value, self.use
        self.value, self.use = None, _same
        return use(value)

    def give(self, wait: Wait) -> None:
        """Takes what it waited for. Under the monitor."""
        self.value, self.use = wait.take(), wait.use


@dataclass(eq=False, slots=True)
class Waiting:
    """A worker that waits, for what, and how it goes on."""

    what: str
    ready: Callable[[], bool]
    go_on: Callable[[], None]
    turn: Turn | None = None


class Monitor:
    """Guards one epoch's workers. `with monitor:` before `changed` and `wait`; the rest takes it itself.

    Workers take turns on fewer threads than there are workers: one that waits leaves its thread to another, and
    nobody sleeps but a thread that has nobody left to carry on.
    """

    def __init__(self, turns: list[Turn]) -> None:
        self.failure: Exception | None = None
        self.over = threading.Event()  # all have ended, or one has failed
        self.turns = deque(turns)  # of those that can go on, the longest waiting first
        self._failing, self._lock = threading.Lock(), threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._alive = len(turns)
        self._waiting: dict[e.Worker, Waiting] = {}
        self._settling = self._stale = False
        self.woken = 0  # waits that ended

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *exc: object) -> None:
        self._lock.release()

    # ---- for the threads that carry workers

    def next(self) -> Turn | None:
        """Wait for a worker that can go on, or after a failure that is to be ended; None once there is none left."""
        with self:
            while not self.turns and self.failure is None and self._alive:
                self._idle.wait()
            if self.turns:
                return self.turns.popleft()
            for worker, waiting in self._waiting.items():
                if waiting.turn is not None:
                    del self._waiting[worker]
                    return waiting.turn
            return None

    def give(self, turn: Turn, wait: Wait) -> bool:
        """Give the worker what it waits for, if it is there. In the worker's context."""
        with self:
            if ready := wait.ready():
                turn.give(wait)
            return ready

    def leave(self, turn: Turn, wait: Wait | None) -> None:
        """Leave the worker, outside its context: whoever makes `wait` ready lines it up, None does so at once."""

        def go_on() -> None:
            del self._waiting[turn.worker]
            self.woken += 1
            assert wait is not None
            turn.context.run(turn.give, wait)
            self._line_up(turn)

        with self:
            if wait is None:
                self._line_up(turn)
                return
            self._waiting[turn.worker] = Waiting(wait.what, wait.ready, go_on, turn)
            if self.failure is not None:
                self._idle.notify_all()
            elif wait.ready():  # it has become so meanwhile
                go_on()
            else:
                self._check_for_stall()

    def _line_up(self, turn: Turn) -> None:
        self.turns.append(turn)
        self._idle.notify()

    # ---- for what workers share

    def changed(self) -> None:
        """Something that others may wait for: those that can go on now do, in the order in which they came."""
        self._stale = True
        if self._settling:  # what one of them takes may let another go on
            return
        self._settling = True
        try:
            while self._stale:
                self._stale = False
                for waiting in list(self._waiting.values()):
                    if waiting.ready():
                        waiting.go_on()
        finally:
            self._settling = False

    def wait(self, worker: e.Worker, what: str, ready: Callable[[], bool]) -> None:
        """Keep the thread until ready: within an effect that cannot be parked.

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
        """End all workers, those that wait once this one has `ended`; the first error counts."""
        with self._failing:  # and not the monitor, which a worker that is stuck may hold
            self.failure = self.failure or error
        self.over.set()

    def ended(self) -> None:
        """A worker has, in whatever way."""
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
                waiting.go_on()

    def _check_for_stall(self) -> None:
        """Fails the epoch where all wait and none is ready: nobody will ever be."""
        if self.failure is not None or not self._alive or len(self._waiting) < self._alive:
            return
        if not any(waiting.ready() for waiting in self._waiting.values()):
            self.fail(Stalled((worker, waiting.what) for worker, waiting in self._waiting.items()))
            self._wake_all()
