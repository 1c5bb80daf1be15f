"""The virtual clock: a discrete-event simulation of N devices, in one thread, with the true numerics.

Reads happen when an effect starts, that is when its device grants it, and writes when it ends. A device serves first
come, first served. (BatchNorm's running statistics are written with the forward computation, at its start.)
Ties: a Put that wakes a getter lets the getter go first; a worker whose effect has ended goes on before its device
turns to the next one; otherwise first scheduled, first served. Nothing depends on the wall clock: runs repeat bit for
bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import Any

from benchmarks.executors.accounts import DryTeam
from benchmarks.executors.activity import Activity
from benchmarks.executors.errors import METHOD_ERRORS, Stalled, WorkerFailed, closing
from benchmarks.executors.virtual.channels import Channels
from benchmarks.executors.virtual.collectives import Collectives
from benchmarks.executors.virtual.devices import Clock, Device
from benchmarks.executors.virtual.jobs import DelayJob, EffectJob, End, Handler
from benchmarks.executors.virtual.processes import BLOCKED, Process, Ready
from benchmarks.executors.virtual.spans import Span, span_of
from benchmarks.executors.virtual.stragglers import Stragglers
from benchmarks.hardware.price import Price
from methods import effects as e

OF_A_STEP = (e.Snapshot, e.Forward, e.Loss, e.Backward)
"""The effects that a straggler's delay may precede."""


class VirtualExecutor:
    """Runs a method's workers on simulated devices. listen: is told every effect on layers once it has ended."""

    def __init__(self, team: DryTeam, price: Price, listen: Callable[[Span], None] | None = None) -> None:
        self.team, self.price, self.listen, self.clock = team, price, listen, Clock()
        self._before = 0.0
        self._alive: dict[Process, None] = {}
        self.devices: dict[int, Device] = {}  # of the last call of `run`, as far as they were asked for time
        self.asked = 0  # effects of that call, by the workers that have ended

    @property
    def activities(self) -> list[Activity]:
        """Of the workers that have not ended."""
        return list(self._alive)

    @property
    def now(self) -> float:
        """The simulated time in seconds, over all epochs; the clock of each call of `run` starts at 0."""
        return self._before + self.clock.now

    def resume(self, now: float | None) -> None:
        """Go on from this simulated time."""
        self._before, self.clock = now or 0.0, Clock()

    def run(self, workers: Iterable[e.Worker]) -> None:
        """Run all workers to completion: one epoch, or a part of it.

        Raises WorkerFailed or Stalled, both naming workers.
        """
        crew = list(workers)
        self._ready: Ready = deque((Process(worker), None) for worker in crew)
        self._alive = dict.fromkeys(process for process, _ in self._ready)
        self.devices, self.asked = {}, 0
        self._homes = {layer: worker.device for worker in crew for layer in worker.holds}
        self._update_seconds, self._snapshot_seconds = cache(self._price_update), cache(self.price.snapshot)
        self._before, self.clock = self.now, Clock()  # ties must not hang on how earlier seconds were rounded
        self._handlers = self._make_handlers()
        if self.price.delays:
            delayed = partial(self._delayed, Stragglers(self.team, self.price))
            self._handlers |= {kind: partial(delayed, self._handlers[kind]) for kind in OF_A_STEP}
        with closing(crew):
            while self.clock.advance(self._ready):
                process, value = self._ready.popleft()
                self.go_on(process, value.now if isinstance(value, e.Counter) else value)
            if self._alive:
                raise Stalled((p.worker, p.waits_for) for p in self._alive)

    def _make_handlers(self) -> dict[type, Handler]:
        channels = Channels(self.clock, self.price, self._ready, self.go_on)
        tell = self.tell if self.listen is not None else None
        collectives = Collectives(self.team, self.clock, self.price, self._ready, self.guarded, tell, self._device)
        return {
            e.NextBatch: self._next_batch,
            e.Snapshot: self._snapshot,
            e.Forward: self._forward,
            e.Loss: self._loss,
            e.Backward: self._backward,
            e.Update: self._update,
            e.Lag: lambda process, effect: self.team.lag(effect.gradient, effect.replica),
            e.Drop: lambda process, effect: self.team.drop(effect.what),
            e.Put: channels.put,
            e.Get: channels.get,
            e.Close: channels.close,
            e.Count: channels.count,
            e.Await: channels.wait,
            e.AllReduce: collectives.all_reduce,
            e.Average: collectives.average,
            e.Correct: lambda process, effect: self.team.correct(effect.correction),
        }

    def go_on(self, process: Process, value: Any) -> None:
        """Let a worker go on until it has to wait."""
        send, handlers = process.send, self._handlers
        while value is not BLOCKED:
            try:
                effect = send(value)
            except StopIteration:
                self._alive.pop(process)
                self.asked += process.asked
                return
            except METHOD_ERRORS as error:
                raise WorkerFailed(process.worker.name, error) from error
            process.effect = effect
            process.asked += 1
            try:
                handler = handlers.get(type(effect)) or self._unknown(effect)
                value = handler(process, effect)
            except (WorkerFailed, Stalled):
                raise
            except METHOD_ERRORS as error:
                raise WorkerFailed(process.worker.name, error) from error

    def _unknown(self, effect: Any) -> Handler:
        known = ", ".join(kind.__name__ for kind in self._handlers)
        raise TypeError(f"it yielded {effect!r}, which is no effect; effects are {known}")

    def _delayed(self, stragglers: Stragglers, handler: Handler, process: Process, effect: Any) -> Any:
        """The handler, once the device has lost what a straggler loses before a step."""
        if seconds := stragglers.seconds_before(process.worker.device, effect):
            device = self._device(process)
            device.ask(DelayJob(self, process, device, effect, seconds, handler))
            return BLOCKED
        return handler(process, effect)

    def guarded(self, process: Process, function: Callable[..., Any], *arguments: Any) -> Any:
        """What fails while an effect is carried out fails the worker that asked for it."""
        try:
            return function(*arguments)
        except (WorkerFailed, Stalled):
            raise
        except METHOD_ERRORS as error:
            raise WorkerFailed(process.worker.name, error) from error

    # ---- devices

    def _work(
        self,
        process: Process,
        effect: e.Effect,
        seconds: float,
        begin: Handler,
        end: End | None = None,
    ) -> Any:
        """A timed effect on the worker's device: begin reads and computes, end writes and gives the result."""
        if seconds > 0:
            job = process.job
            if job is None:
                job = process.job = EffectJob(self, process, self._device(process))
            job.seconds, job.begin, job.end = seconds, begin, end
            job.device.ask(job)
            return BLOCKED
        value = begin(process, effect)  # what takes no time needs no device
        if end is not None:
            value = end(process, effect, value)
        self.tell(process, effect, self.clock.now)
        return value

    def _device(self, process: Process) -> Device:
        number = process.worker.device
        if number not in self.devices:
            self.devices[number] = Device(self.clock, self.price)
        return self.devices[number]

    def tell(self, process: Process, effect: e.Effect, started: float) -> None:
        if self.listen is not None:
            self.listen(span_of(process.worker, effect, started, self.clock.now, self._homes))

    # ---- computing

    def _next_batch(self, process: Process, effect: e.NextBatch) -> Any:
        """The ticket is taken at once; loading its batch may take the device's time."""
        step = self.team.next_batch(effect.replica, effect.shared)
        seconds = self.price.next_batch()
        return self._work(process, effect, seconds, lambda *_: step) if seconds and step is not None else step

    def _snapshot(self, process: Process, effect: e.Snapshot) -> Any:
        return self._work(process, effect, self._snapshot_seconds(effect.layer.index), self._begin_snapshot)

    def _begin_snapshot(self, process: Process, effect: e.Snapshot) -> Any:
        return self.team.snapshot(effect.layer, effect.step, self.clock.now)

    def _forward(self, process: Process, effect: e.Forward) -> Any:
        return self._work(process, effect, self.price.forward[effect.layer.index], self._begin_forward)

    def _begin_forward(self, process: Process, effect: e.Forward) -> Any:
        return self.team.forward(effect.layer, effect.step, self.clock.now)

    def _loss(self, process: Process, effect: e.Loss) -> Any:
        seconds = self.price.loss()
        if not seconds:
            return self.team.loss(effect.step)
        return self._work(process, effect, seconds, lambda *_: self.team.loss(effect.step))

    def _backward(self, process: Process, effect: e.Backward) -> Any:
        seconds = self.price.backward(effect.layer.index, weights=effect.weights, inputs=effect.inputs)
        return self._work(process, effect, seconds, self._begin_backward, self._end_backward)

    def _begin_backward(self, process: Process, effect: e.Backward) -> Any:
        return self.team.backward(effect.layer, effect.step, weights=effect.weights, inputs=effect.inputs)

    def _end_backward(self, process: Process, effect: e.Backward, gradient: Any) -> Any:
        if gradient is not None:
            gradient.ready = self.clock.now
        return gradient

    def _update(self, process: Process, effect: e.Update) -> Any:
        gradients: Any = effect.gradients
        homes, device = self._homes, process.worker.device
        layers = [gradient.layer for gradient in gradients]
        if effect.replica is not None:
            layers = [effect.replica.layers[layer.index] for layer in layers]
        places = [homes.get(layer, layer.device) for layer in layers] if homes else [layer.device for layer in layers]
        away = [place for place in places if place != device]
        apart = any(self.price.apart(place, device) for place in away)
        seconds = self._update_seconds(tuple([layer.index for layer in layers]), bool(away), apart)
        return self._work(process, effect, seconds, _nothing, self._end_update)

    def _price_update(self, layers: Sequence[int], remote: bool, apart: bool) -> float:
        return self.price.update(layers, remote=remote, apart=apart)

    def _end_update(self, process: Process, effect: e.Update, _: None) -> Any:
        self.team.effects.updated(effect.gradients)
        return self.team.update(effect.gradients, process.worker.name, self.clock.now, effect.replica, effect.scale)


def _nothing(*_: Any) -> None:
    """What a write begins with."""


def build(team: DryTeam, price: Price | None, threads: int) -> VirtualExecutor:
    """For the registry. All workers share one thread, with the threads of torch that the process has."""
    assert price is not None, "it needs a card"
    return VirtualExecutor(team, price)
