"""One machine whose cores all workers share: the virtual clock's picture of the threads executor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Never

from benchmarks.executors.virtual.devices import Clock, Device, DeviceJob, Event
from benchmarks.executors.virtual.executor import Handler, VirtualExecutor
from benchmarks.executors.virtual.processes import Process
from benchmarks.hardware.price import Price
from methods import effects as e

MESSAGES = (e.Put, e.Get, e.Await, e.AllReduce, e.Average)
"""The effects by which workers wait for each other."""


class SharedCores(Device):
    """Processor sharing: of n effects under way, each goes on at min(1, lane_capacity / n) of its speed, at any moment.

    A Device fixes an effect's seconds when it starts, by those that are under way then; here nobody waits for a lane.
    """

    def __init__(self, clock: Clock, price: Price) -> None:
        super().__init__(clock, price)
        self._left: dict[DeviceJob, float] = {}  # seconds of work
        self._results: dict[DeviceJob, object] = {}
        self._since = 0.0
        self._next: Event | None = None

    def ask(self, job: DeviceJob) -> None:
        self._advance()
        self._left[job], self._results[job] = job.seconds, job.granted()
        self._plan()

    def _speed(self) -> float:
        return min(1.0, self.price.lane_capacity / len(self._left))

    def _advance(self) -> None:
        """Notes what was done since the last change of who is under way."""
        if self._left:
            done = (self.clock.now - self._since) * self._speed()
            self._left = {job: left - done for job, left in self._left.items()}
        self._since = self.clock.now

    def _plan(self) -> None:
        """Plans who ends next, if nobody comes or goes before."""
        if self._next is not None:
            self.clock.cancel(self._next)
            self._next = None
        if self._left:
            first = min(self._left, key=self._left.__getitem__)
            self._next = self.clock.after(max(0.0, self._left[first]) / self._speed(), lambda: self._over(first))

    def _over(self, job: DeviceJob) -> None:
        self._next = None
        self._advance()
        del self._left[job]
        self._plan()
        job.done(self._results.pop(job))


class OneMachine(VirtualExecutor):
    """The virtual executor with all workers on the same cores, whatever their devices are; messages take work."""

    def run(self, workers: Iterable[e.Worker]) -> None:
        self._cores: Device | None = None  # the clock of an epoch is a new one
        super().run(workers)

    def _make_handlers(self) -> dict[type[e.Effect], Handler]:
        handlers, effects = super()._make_handlers(), self.price.effects
        if effects is not None and effects.message:
            handlers |= {kind: self._paid(handlers[kind], effects.message) for kind in MESSAGES}
        return handlers

    def _paid(self, handler: Handler, seconds: float) -> Handler:
        """Returns the handler, once its message's seconds are over."""

        def carry_out(process: Process, effect: Never) -> object:
            return self._work(process, seconds, lambda: None, lambda _: handler(process, effect))

        return carry_out

    def device(self, process: Process) -> Device:
        if self._cores is None:
            self._cores = SharedCores(self.clock, self.price)
        return self._cores
