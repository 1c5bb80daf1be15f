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
from typing import Any

from benchmarks.executors.accounts import DryTeam, target
from benchmarks.executors.activity import Activity
from benchmarks.executors.errors import METHOD_ERRORS, Stalled, WorkerFailed, closing
from benchmarks.executors.virtual.channels import Channels
from benchmarks.executors.virtual.collectives import Collectives
from benchmarks.executors.virtual.devices import Clock, Device, DeviceJob
from benchmarks.executors.virtual.processes import BLOCKED, Process, Ready
from benchmarks.executors.virtual.spans import Span, delay_of, span_of
from benchmarks.executors.virtual.stragglers import Stragglers
from benchmarks.hardware.price import Price
from methods import effects as e


class VirtualExecutor:
    """Runs a method's workers on simulated devices. listen: is told every effect on layers once it has ended."""

    def __init__(self, team: DryTeam, price: Price, listen: Callable[[Span], None] | None = None) -> None:
        self.team, self.price, self.listen, self.clock = team, price, listen, Clock()
        self._before = 0.0
        self._alive: dict[Process, None] = {}

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
        self._devices: dict[int, Device] = {}
        self._homes = {layer: worker.device for worker in crew for layer in worker.holds}
        self._stragglers = Stragglers(self.team, self.price) if self.price.delays else None
        self._before, self.clock = self.now, Clock()  # ties must not hang on how earlier seconds were rounded
        self._handlers = self._make_handlers()
        with closing(crew):
            while self._ready or self.clock.events:
                if self._ready:
                    process, value = self._ready.popleft()
                    self._resume(process, value.now if isinstance(value, e.Counter) else value)
                else:
                    self.clock.tick()
            if self._alive:
                raise Stalled((p.worker, p.waits_for) for p in self._alive)

    def _make_handlers(self) -> dict[type, Callable[[Process, Any], Any]]:
        channels = Channels(self.clock, self.price, self._ready, self._resume)
        collectives = Collectives(
            self.team, self.clock, self.price, self._ready, self._guarded, self._tell, self._device
        )
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

    def _resume(self, process: Process, value: Any) -> None:
        """Let a worker go on until it has to wait."""
        while value is not BLOCKED:
            try:
                effect = process.worker.program.send(value)
            except StopIteration:
                self._alive.pop(process)
                return
            except METHOD_ERRORS as error:
                raise WorkerFailed(process.worker.name, error) from error
            process.effect = effect
            process.asked += 1
            value = self._guarded(process, self._carry_out, process, effect)

    def _carry_out(self, process: Process, effect: e.Effect) -> Any:
        if type(effect) not in self._handlers:
            known = ", ".join(kind.__name__ for kind in self._handlers)
            raise TypeError(f"it yielded {effect!r}, which is no effect; effects are {known}")
        if self._stragglers and (seconds := self._stragglers.seconds_before(process.worker.device, effect)):
            return self._wait_for_straggler(process, effect, seconds)
        return self._handlers[type(effect)](process, effect)

    def _guarded(self, process: Process, function: Callable[..., Any], *arguments: Any) -> Any:
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
        begin: Callable[[], Any],
        end: Callable[[Any], Any] = lambda result: result,
    ) -> Any:
        """A timed effect on the worker's device: begin reads and computes, end writes and gives the result."""
        if seconds <= 0:  # what takes no time needs no device
            value = end(begin())
            self._tell(process, effect, self.clock.now)
            return value
        process.waits_for = f"device {process.worker.device}"
        started = 0.0

        def granted() -> Any:
            nonlocal started
            started = self.clock.now
            return self._guarded(process, begin)

        def done(result: Any) -> None:
            value = self._guarded(process, end, result)
            self._tell(process, effect, started)
            self._resume(process, value)

        self._device(process).ask(DeviceJob(seconds, granted, done))
        return BLOCKED

    def _device(self, process: Process) -> Device:
        number = process.worker.device
        if number not in self._devices:
            self._devices[number] = Device(self.clock, self.price)
        return self._devices[number]

    def _tell(self, process: Process, effect: e.Effect, started: float) -> None:
        if self.listen is not None:
            self.listen(span_of(process.worker, effect, started, self.clock.now, self._homes))

    def _wait_for_straggler(self, process: Process, effect: e.Effect, seconds: float) -> Any:
        """Then carry the effect out."""
        process.waits_for = f"device {process.worker.device}"
        handler = self._handlers[type(effect)]

        def done(started: float) -> None:
            if self.listen is not None:
                self.listen(delay_of(process.worker, effect, started, self.clock.now))
            self._resume(process, self._guarded(process, handler, process, effect))

        self._device(process).ask(DeviceJob(seconds, lambda: self.clock.now, done, whole=True))
        return BLOCKED

    # ---- computing

    def _next_batch(self, process: Process, effect: e.NextBatch) -> Any:
        """The ticket is taken at once; loading its batch may take the device's time."""
        step = self.team.next_batch(effect.replica, effect.shared)
        seconds = self.price.next_batch()
        return self._work(process, effect, seconds, lambda: step) if seconds and step is not None else step

    def _snapshot(self, process: Process, effect: e.Snapshot) -> Any:
        layer, step = effect.layer, effect.step
        seconds = self.price.snapshot(layer.index)
        return self._work(process, effect, seconds, lambda: self.team.snapshot(layer, step, self.clock.now))

    def _forward(self, process: Process, effect: e.Forward) -> Any:
        layer, step = effect.layer, effect.step
        seconds = self.price.forward[layer.index]
        return self._work(process, effect, seconds, lambda: self.team.forward(layer, step, self.clock.now))

    def _loss(self, process: Process, effect: e.Loss) -> Any:
        seconds = self.price.loss()
        if not seconds:
            return self.team.loss(effect.step)
        return self._work(process, effect, seconds, lambda: self.team.loss(effect.step))

    def _backward(self, process: Process, effect: e.Backward) -> Any:
        layer = effect.layer
        seconds = self.price.backward(layer.index, weights=effect.weights, inputs=effect.inputs)

        def begin() -> Any:
            return self.team.backward(layer, effect.step, weights=effect.weights, inputs=effect.inputs)

        def end(gradient: Any) -> Any:
            if gradient is not None:
                gradient.ready = self.clock.now
            return gradient

        return self._work(process, effect, seconds, begin, end)

    def _update(self, process: Process, effect: e.Update) -> Any:
        gradients: Any = effect.gradients
        layers = [target(gradient, effect.replica) for gradient in gradients]
        remote = any(self._homes.get(layer, layer.device) != process.worker.device for layer in layers)
        seconds = self.price.update([g.layer.index for g in gradients], remote=remote)
        return self._work(
            process,
            effect,
            seconds,
            lambda: None,
            lambda _: self.team.update(gradients, process.worker.name, self.clock.now, effect.replica, effect.scale),
        )


def build(team: DryTeam, price: Price | None, threads: int) -> VirtualExecutor:
    """For the registry. All workers share one thread, with the threads of torch that the process has."""
    assert price is not None, "it needs a card"
    return VirtualExecutor(team, price)
