"""What workers ask of their devices: to carry out an effect, or to lose time as a straggler before one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from benchmarks.executors.errors import METHOD_ERRORS, Stalled, WorkerFailed
from benchmarks.executors.virtual.devices import Clock, Device, DeviceJob
from benchmarks.executors.virtual.processes import Process
from benchmarks.executors.virtual.spans import Span, delay_of
from methods import effects as e

Handler = Callable[[Process, Any], Any]
End = Callable[[Process, Any, Any], Any]


class JobOwner(Protocol):
    """The executor. What fails while an effect is carried out fails the worker that asked for it."""

    clock: Clock
    listen: Callable[[Span], None] | None

    def go_on(self, process: Process, value: Any) -> None: ...
    def guarded(self, process: Process, function: Callable[..., Any], *arguments: Any) -> Any: ...
    def tell(self, process: Process, effect: e.Effect, started: float) -> None: ...


class EffectJob(DeviceJob):
    """A worker's timed effect: begin reads and computes once the device has time; end writes, and gives its value.

    One for all effects of a worker, since it waits for each: seconds, begin and end are the last effect's.
    """

    __slots__ = ("begin", "end", "owner", "process", "started")

    def __init__(self, owner: JobOwner, process: Process, device: Device) -> None:
        super().__init__(0.0, device)
        self.owner, self.process = owner, process
        self.begin: Handler
        self.end: End | None

    def granted(self) -> Any:
        self.started = self.owner.clock.now
        try:  # here and below: `guarded` without its call
            return self.begin(self.process, self.process.effect)
        except (WorkerFailed, Stalled):
            raise
        except METHOD_ERRORS as error:
            raise WorkerFailed(self.process.worker.name, error) from error

    def done(self, result: Any) -> None:
        owner, process = self.owner, self.process
        if self.end is not None:
            try:
                result = self.end(process, process.effect, result)
            except (WorkerFailed, Stalled):
                raise
            except METHOD_ERRORS as error:
                raise WorkerFailed(process.worker.name, error) from error
        if owner.listen is not None:
            assert process.effect is not None
            owner.tell(process, process.effect, self.started)
        owner.go_on(process, result)


class DelayJob(DeviceJob):
    """A straggler's delay, which takes the whole device; then the effect is carried out."""

    __slots__ = ("effect", "handler", "owner", "process")
    whole = True

    def __init__(
        self, owner: JobOwner, process: Process, device: Device, effect: e.Effect, seconds: float, handler: Handler
    ) -> None:
        super().__init__(seconds, device)
        self.owner, self.process, self.effect, self.handler = owner, process, effect, handler

    def granted(self) -> float:
        return self.owner.clock.now

    def done(self, started: float) -> None:
        owner, process = self.owner, self.process
        if owner.listen is not None:
            owner.listen(delay_of(process.worker, self.effect, started, owner.clock.now))
        owner.go_on(process, owner.guarded(process, self.handler, process, self.effect))
