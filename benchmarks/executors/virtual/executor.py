"""The virtual clock: a discrete-event simulation of N devices, in one thread, with the true numerics.

Reads happen when an effect starts, that is when its device grants it, and writes when it ends. A device serves first
come, first served. (BatchNorm's running statistics are written with the forward computation, at its start.)
Ties: a Put that wakes a getter lets the getter go first; a worker whose effect has ended goes on before its device
turns to the next one; otherwise first scheduled, first served. Nothing depends on the wall clock: runs repeat bit for
bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import cache
from typing import Never, TypeVar, cast

from benchmarks.executors.accounting import Gradient
from benchmarks.executors.activity import Activity
from benchmarks.executors.errors import METHOD_ERRORS, Stalled, WorkerFailed, closing
from benchmarks.executors.team import Team, untimed_handlers
from benchmarks.executors.traffic import Reach, Traffic
from benchmarks.executors.virtual.channels import Channels
from benchmarks.executors.virtual.collectives import Collectives
from benchmarks.executors.virtual.devices import Clock, Device, DeviceJob
from benchmarks.executors.virtual.processes import BLOCKED, Process, Ready
from benchmarks.executors.virtual.spans import Span, delay_of, span_of
from benchmarks.executors.virtual.stragglers import StepEffect, Stragglers
from benchmarks.hardware.absences import seconds_away
from benchmarks.hardware.price import Price
from methods import effects as e

T = TypeVar("T")
Handler = Callable[[Process, Never], object]
"""Carries out an effect of one kind for a worker -> its value, or BLOCKED where the worker has to wait."""
STEP_EFFECTS = (e.Snapshot, e.Forward, e.Loss, e.Backward)
"""The effects that a straggler's delay may precede."""


class EffectJob(DeviceJob):
    """A worker's timed effect. `begin` reads and computes once the device grants it time, `end` writes.

    `end` gives the effect's value. One job is reused for all effects of a worker, which has one at a time.
    """

    __slots__ = ("begin", "end", "executor", "process", "started")

    def __init__(self, executor: VirtualExecutor, process: Process, device: Device) -> None:
        super().__init__(0.0, device)
        self.executor, self.process = executor, process
        self.begin: Callable[[], object]
        self.end: Callable[[Never], object] | None

    def granted(self) -> object:
        self.executor.blame(self.process)
        self.started = self.executor.clock.now
        return self.begin()

    def done(self, result: object) -> None:
        executor, process = self.executor, self.process
        if self.end is not None:
            executor.blame(process)
            result = self.end(result)  # type: ignore[arg-type]  # what begin gave
        if executor.listen is not None and process.effect is not None:
            executor.report_span(process, process.effect, self.started)
        executor.resume_worker(process, result)


class DelayJob(DeviceJob):
    """A straggler's delay, which takes the whole device; then the delayed effect is carried out."""

    __slots__ = ("effect", "executor", "handler", "process", "started")
    whole = True

    def __init__(
        self, executor: VirtualExecutor, process: Process, effect: StepEffect, seconds: float, handler: Handler
    ) -> None:
        super().__init__(seconds, executor.device(process))
        self.executor, self.process, self.effect, self.handler = executor, process, effect, handler

    def granted(self) -> None:
        self.started = self.executor.clock.now

    def done(self, result: object) -> None:
        executor, process = self.executor, self.process
        if executor.listen is not None:
            executor.listen(delay_of(process.worker, self.effect, self.started, executor.clock.now))
        executor.blame(process)
        executor.resume_worker(process, self.handler(process, self.effect))  # type: ignore[arg-type]  # it is of its kind


class VirtualExecutor:
    """Runs a method's workers on simulated devices, in simulated seconds.

    listen: is called with every effect on layers. outliving: whether workers that outlive epochs do.
    """

    outliving = True

    def __init__(self, team: Team, price: Price, listen: Callable[[Span], None] | None = None) -> None:
        self.team, self.price, self.listen, self.clock = team, price, listen, Clock()
        self._alive: dict[Process, None] = {}
        self.devices: dict[int, Device] = {}  # of the last call of `run`, as far as they were asked for time
        self.effect_count = 0  # effects of that call, by the workers that have ended

    @property
    def activities(self) -> list[Activity]:
        """The activities of the workers that have not ended."""
        return list(self._alive)

    @property
    def now(self) -> float:
        """The simulated time in seconds, over all epochs; the clock of each call of `run` starts at 0."""
        return self.clock.total

    def resume(self, now: float | None) -> None:
        """Sets the simulated time."""
        self.clock = Clock(now or 0.0)

    def run(self, workers: Iterable[e.Worker]) -> None:
        """Runs all workers to completion: one epoch, or a part of it.

        Raises WorkerFailed or Stalled, both naming workers.
        """
        workers = list(workers)
        self._alive = dict.fromkeys(map(Process, workers))
        self.devices, self.effect_count, self._ended = {}, 0, dict[str, float]()
        self._traffic = Traffic(self.team, self.price.sizes, workers)
        self._update_seconds, self._snapshot_seconds = cache(self.price.update), cache(self.price.snapshot)
        leads = self._leads() if self.outliving else {}
        lead = max(leads.values(), default=0.0)
        self.clock = Clock(self.now - lead)  # ties must not hang on how earlier seconds were rounded
        self._ready: Ready = deque()
        for process in self._alive:
            self._begin(process, lead - leads.get(process.worker.name, 0.0))
        self._handlers = self._make_handlers()
        if self.price.delays:
            stragglers = Stragglers(self.team, self.price)
            self._handlers |= {kind: self._delayed(stragglers, self._handlers[kind]) for kind in STEP_EFFECTS}
        if self.price.absent:
            self._handlers = {kind: self._when_there(handler) for kind, handler in self._handlers.items()}
        with closing(workers):
            try:
                while self.clock.advance(self._ready):
                    process, value = self._ready.popleft()
                    self.resume_worker(process, value.now if isinstance(value, e.Counter) else value)
            except METHOD_ERRORS as error:
                raise WorkerFailed(self._blamed.worker.name, error) from error
            if self._alive:
                raise Stalled((p.worker, p.waits_for) for p in self._alive)
        if self._ended and self.outliving:
            kept = cast(dict[str, object], self.team.state.setdefault("executor", {}))
            kept["leads"] = {name: self.clock.now - ended for name, ended in self._ended.items()}

    def _leads(self) -> dict[str, float]:
        """Returns how many seconds before the end of the last run workers ended that outlive it, by their names."""
        kept = cast(dict[str, dict[str, float]], self.team.state.get("executor", {}))
        return kept.get("leads", {})

    def _begin(self, process: Process, seconds: float) -> None:
        if seconds:
            self.clock.after(seconds, lambda: self._ready.append((process, None)))
        else:
            self._ready.append((process, None))

    def _make_handlers(self) -> dict[type[e.Effect], Handler]:
        channels = Channels(self.clock, self.price, self._traffic, self._ready, self.resume_worker)
        collectives = Collectives(
            self.team, self.clock, self.price, self._traffic, self._ready, self.blame, self.report_span, self.device
        )
        return {
            **untimed_handlers(self.team),
            e.NextBatch: self._next_batch,
            e.Snapshot: self._snapshot,
            e.Forward: self._forward,
            e.Loss: self._loss,
            e.Backward: self._backward,
            e.Update: self._update,
            e.Accumulate: self._accumulate,
            e.Compress: self._compress,
            e.Put: channels.put,
            e.Get: channels.get,
            e.Now: lambda process, effect: self.now,
            e.Close: channels.close,
            e.Count: channels.count,
            e.Await: channels.wait,
            e.AllReduce: collectives.all_reduce,
            e.Average: collectives.average,
            e.Anchor: self._anchor,
            e.Delta: self._delta,
            e.Outer: self._outer,
            e.Mix: self._mix,
        }

    def resume_worker(self, process: Process, value: object) -> None:
        """Carries out a worker's effects until it has to wait."""
        send, handlers = process.send, self._handlers
        while value is not BLOCKED:
            self._blamed = process
            try:
                effect = send(value)
            except StopIteration:
                self._alive.pop(process)
                if process.worker.outlives_epochs:
                    self._ended[process.worker.name] = self.clock.now
                self.effect_count += process.effect_count
                process.forget_job()
                return
            process.effect = effect
            process.effect_count += 1
            handler = handlers.get(type(effect)) or self._unknown(effect)
            value = handler(process, effect)  # type: ignore[arg-type]  # the handler of its kind

    def blame(self, process: Process) -> None:
        """Attributes errors from now on to this worker."""
        self._blamed = process

    def _unknown(self, effect: object) -> Handler:
        names = ", ".join(kind.__name__ for kind in self._handlers)
        raise TypeError(f"it yielded {effect!r}, which is no effect; effects are {names}")

    def _delayed(self, stragglers: Stragglers, handler: Handler) -> Handler:
        """Returns the handler, preceded by the delay of a straggler where the device has one."""

        def carry_out(process: Process, effect: StepEffect) -> object:
            if seconds := stragglers.seconds_before(process.worker.device, effect):
                job = DelayJob(self, process, effect, seconds, handler)
                job.device.ask(job)
                return BLOCKED
            return handler(process, effect)  # type: ignore[arg-type]  # it is of its kind

        return carry_out

    def _when_there(self, handler: Handler) -> Handler:
        """Returns the handler, which waits for the worker's device where that is absent."""

        def carry_out(process: Process, effect: e.Effect) -> object:
            started, device = self.clock.now, process.worker.device
            if not (away := seconds_away(self.price.absent, device, self.clock.total)):
                return handler(process, effect)  # type: ignore[arg-type]  # it is of its kind

            def back() -> None:
                if self.listen is not None:
                    self.listen(delay_of(process.worker, effect, started, self.clock.now))
                self.blame(process)
                self.resume_worker(process, carry_out(process, effect))

            self.clock.after(away, back)
            return BLOCKED

        return carry_out

    # ---- devices

    def _occupy_device(
        self, process: Process, seconds: float, begin: Callable[[], T], end: Callable[[T], object] | None = None
    ) -> object:
        """Carries out an effect that takes device time -> its value, or BLOCKED.

        `begin` reads and computes when the time starts, `end` writes when it is over.
        """
        if seconds > 0:
            job = process.job
            if job is None:
                job = process.job = EffectJob(self, process, self.device(process))
            assert isinstance(job, EffectJob)
            job.seconds, job.begin, job.end = seconds, begin, end
            job.device.ask(job)
            return BLOCKED
        value = begin()  # what takes no time needs no device
        result = value if end is None else end(value)
        if self.listen is not None and process.effect is not None:
            self.report_span(process, process.effect, self.clock.now)
        return result

    def device(self, process: Process) -> Device:
        """Returns the worker's simulated device."""
        number = process.worker.device
        if number not in self.devices:
            absent = [absence for absence in self.price.absent if absence.device == number]
            self.devices[number] = Device(self.clock, self.price, absent)
        return self.devices[number]

    def report_span(self, process: Process, effect: e.Effect, started: float) -> None:
        """Calls `listen`, if there is one, with the span of an effect that has ended."""
        if self.listen is not None:
            self.listen(span_of(process.worker, effect, started, self.clock.now, self._traffic.homes))

    # ---- computing

    def _next_batch(self, process: Process, effect: e.NextBatch) -> object:
        """Takes the ticket at once; loading the batch may take device time."""
        step = self.team.next_batch(effect.replica, effect.shared, process.worker.device)
        seconds = self.price.next_batch()
        return self._occupy_device(process, seconds, lambda: step) if seconds and step is not None else step

    def _snapshot(self, process: Process, effect: e.Snapshot) -> object:
        seconds = self._snapshot_seconds(effect.layer.index)
        if not self._traffic.lives_with(process.worker, effect.layer):  # asked first: most are, and there are many
            reach = self._traffic.reach(process.worker, effect)
            seconds += sum(self.price.link(*way).seconds(reach.size) for way in reach.ways)
        return self._occupy_device(
            process, seconds, lambda: self.team.snapshot(effect.layer, effect.step, self.clock.now)
        )

    def _forward(self, process: Process, effect: e.Forward) -> object:
        seconds = self.price.forward[effect.layer.index] * self.price.factor(process.worker.device)
        return self._occupy_device(
            process, seconds, lambda: self.team.forward(effect.layer, effect.step, self.clock.now)
        )

    def _loss(self, process: Process, effect: e.Loss) -> object:
        seconds = self.price.loss()
        if not seconds:
            return self.team.loss(effect.step)
        return self._occupy_device(process, seconds, lambda: self.team.loss(effect.step))

    def _backward(self, process: Process, effect: e.Backward) -> object:
        layer, step, weights, inputs = effect.layer, effect.step, effect.weights, effect.inputs
        seconds = self.price.backward(layer.index, weights=weights, inputs=inputs)
        seconds *= self.price.factor(process.worker.device)
        return self._occupy_device(
            process, seconds, lambda: self.team.backward(layer, step, weights=weights, inputs=inputs), self._note_ready
        )

    def _note_ready(self, gradient: Gradient | None) -> Gradient | None:
        if gradient is not None:
            gradient.ready = self.clock.now
        return gradient

    def _update(self, process: Process, effect: e.Update) -> object:
        name = process.worker.name
        return self._occupy_device(
            process,
            self._seconds_at(process, self._traffic.reach(process.worker, effect)),
            _nothing,
            lambda _: self.team.update(effect.gradients, name, self.clock.now, effect.replica, effect.scale),
        )

    def _seconds_at(self, process: Process, reach: Reach) -> float:
        """Seconds in which a worker goes through these layers' weights once, wherever they are."""
        links = [self.price.link(*way) for way in dict.fromkeys(reach.ways)]
        return self._update_seconds(tuple([layer.index for layer in reach.layers]), reach.size, *links)

    def _accumulate(self, process: Process, effect: e.Accumulate) -> object:
        seconds = self.price.accumulate([gradient.layer.index for gradient in effect.gradients])
        return self._occupy_device(process, seconds, lambda: self.team.accumulate(effect.gradients, mean=effect.mean))

    def _compress(self, process: Process, effect: e.Compress) -> object:
        seconds = self._update_seconds((effect.gradient.layer.index,))
        return self._occupy_device(process, seconds, lambda: self.team.compress(effect, self._traffic.sizes))

    # ---- weights as messages: memory traffic, charged like an update of these layers

    def _anchor(self, process: Process, effect: e.Anchor) -> object:
        seconds = self._seconds_at(process, self._traffic.reach(process.worker, effect))
        return self._occupy_device(process, seconds, lambda: self.team.anchor(effect.replica, effect.layers))

    def _delta(self, process: Process, effect: e.Delta) -> object:
        seconds = self._seconds_at(process, self._traffic.reach(process.worker, effect))
        return self._occupy_device(
            process, seconds, lambda: self.team.delta(effect.anchor, effect.replica, self.clock.now)
        )

    def _outer(self, process: Process, effect: e.Outer) -> object:
        seconds = self._update_seconds(tuple([layer.index for layer in effect.anchor.layers]))
        return self._occupy_device(process, seconds, lambda: self.team.outer(effect))

    def _mix(self, process: Process, effect: e.Mix) -> object:
        seconds = self._seconds_at(process, self._traffic.reach(process.worker, effect))
        return self._occupy_device(process, seconds, _nothing, lambda _: self.team.mix(effect))


def _nothing() -> None:
    """Computes nothing: an update only writes."""


def build(team: Team, price: Price | None, threads: int) -> VirtualExecutor:
    """Makes the executor: the function that the registry calls. All workers share one thread."""
    assert price is not None, "it needs a card"
    return VirtualExecutor(team, price)
