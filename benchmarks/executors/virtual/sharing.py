"""One machine whose cores all workers share: simulates the threads executor."""

from __future__ import annotations

from typing import Never

from benchmarks.executors.virtual.devices import Clock, Device, Event, Job, Process
from benchmarks.executors.virtual.executor import Handler, VirtualExecutor
from benchmarks.hardware.price import Price
from methods import effects as e

MESSAGES = (e.Put, e.Get, e.Await, e.AllReduce, e.Average)
"""The effects by which workers wait for each other."""


class SharedCores(Device):
    """Processor sharing: at any moment n jobs each run at min(1, lane_capacity / n) of full speed.

    No job waits for a lane. (A Device instead fixes a job's seconds when it starts.)
    """

    def __init__(self, clock: Clock, price: Price) -> None:
        super().__init__(clock, price)
        self._left: dict[Job, float] = {}  # seconds of work
        self._results: dict[Job, object] = {}
        self._since = 0.0
        self._next: Event | None = None

    def ask(self, job: Job) -> None:
        self._advance()
        self._left[job], self._results[job] = job.seconds, job.begin()
        self._plan()

    def _speed(self) -> float:
        return min(1.0, self.price.lane_capacity / len(self._left))

    def _advance(self) -> None:
        """Subtracts the work done since a job last started or ended."""
        if self._left:
            work = (self.clock.now - self._since) * self._speed()
            self._left = {job: seconds - work for job, seconds in self._left.items()}
        self._since = self.clock.now

    def _plan(self) -> None:
        """Schedules the end of the job that ends next."""
        if self._next is not None:
            self.clock.cancel(self._next)
            self._next = None
        if self._left:
            first = min(self._left, key=self._left.__getitem__)
            self._next = self.clock.after(max(0.0, self._left[first]) / self._speed(), lambda: self._over(first))

    def _over(self, job: Job) -> None:
        self._next = None
        self._advance()
        del self._left[job]
        self._plan()
        job.end(self._results.pop(job))


class OneMachine(VirtualExecutor):
    """The virtual executor with all workers on the same cores, whatever their devices. Messages cost computing time."""

    outliving = False

    def _make_handlers(self) -> dict[type[e.Effect], Handler]:
        handlers, effects = super()._make_handlers(), self.price.effects
        if effects is not None and effects.message_seconds:
            handlers |= {kind: self._charge_message(handlers[kind], effects.message_seconds) for kind in MESSAGES}
        return handlers

    def _charge_message(self, handler: Handler, seconds: float) -> Handler:
        """Returns the handler, preceded by a message's seconds of computing."""

        def carry_out(process: Process, effect: Never) -> object:
            return self._occupy(process, seconds, lambda: None, lambda _: handler(process, effect))

        return carry_out

    def device(self, number: int) -> Device:
        if not self.devices:
            self.devices[0] = SharedCores(self.clock, self.price)
        return self.devices[0]
