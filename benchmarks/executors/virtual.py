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
from dataclasses import dataclass, field
from typing import Any

from benchmarks.dry import DryTeam, Gradient
from benchmarks.executors.devices import Clock, Device, Job
from benchmarks.executors.errors import Stalled, WorkerFailed
from benchmarks.pricing import Price
from methods import effects as e


class _Blocked:
    """What a handler returns when the worker has to wait."""


BLOCKED = _Blocked()


@dataclass(eq=False)
class Process:
    """A worker under way."""

    worker: e.Worker
    waits_for: str = ""


@dataclass(eq=False)
class Queue:
    """A channel's state: items, and who waits at either end."""

    items: deque[tuple[Process, Any]] = field(default_factory=deque)
    putters: deque[tuple[Process, Any]] = field(default_factory=deque)
    getters: deque[Process] = field(default_factory=deque)
    closed: int = 0


class VirtualExecutor:
    """Runs a method's workers on simulated devices.

    `now` is the simulated time in seconds, over all epochs; the clock of an epoch starts at 0.
    """

    name = "virtual"

    def __init__(self, team: DryTeam, price: Price) -> None:
        self.team, self.price, self.clock = team, price, Clock()
        self._before = 0.0
        self.trace: list[tuple[str, str, str, float, float]] | None = None  # worker, effect, layer, start, end
        self._handlers: dict[type, Callable[[Process, Any], Any]] = {
            e.NextBatch: self._next_batch,
            e.Snapshot: self._snapshot,
            e.Forward: self._forward,
            e.Loss: self._loss,
            e.Backward: self._backward,
            e.Update: self._update,
            e.Put: self._put,
            e.Get: self._get,
            e.Close: self._close,
            e.Count: self._count,
            e.Await: self._await,
            e.AllReduce: self._all_reduce,
            e.Average: self._average,
        }

    @property
    def now(self) -> float:
        return self._before + self.clock.now

    def run(self, workers: Iterable[e.Worker]) -> None:
        """Run all workers to completion: one epoch. Raises WorkerFailed or Stalled, both naming workers."""
        self._ready: deque[tuple[Process, Any]] = deque((Process(worker), None) for worker in workers)
        self._alive = {process: None for process, _ in self._ready}
        self._devices: dict[int, Device] = {}
        self._queues: dict[e.Channel, Queue] = {}
        self._waiting: dict[e.Counter, list[tuple[int, Process]]] = {}
        self._arrived: dict[e.Group, list[tuple[Process, e.Replica, Any]]] = {}
        self._before, self.clock = self.now, Clock()  # ties must not hang on how earlier seconds were rounded
        try:
            while self._ready or self.clock.events:
                if self._ready:
                    process, value = self._ready.popleft()
                    self._resume(process, value.value if isinstance(value, e.Counter) else value)
                else:
                    self.clock.tick()
            if self._alive:
                raise Stalled((p.worker.name, p.waits_for) for p in self._alive)
        finally:
            for process in self._alive:
                process.worker.program.close()

    def _resume(self, process: Process, value: Any) -> None:
        """Let a worker go on until it has to wait."""
        while value is not BLOCKED:
            try:
                effect = process.worker.program.send(value)
            except StopIteration:
                self._alive.pop(process)
                return
            except Exception as error:
                raise WorkerFailed(process.worker.name, error) from error
            value = self._guarded(process, self._carry_out, process, effect)

    def _carry_out(self, process: Process, effect: e.Effect) -> Any:
        if type(effect) not in self._handlers:
            known = ", ".join(kind.__name__ for kind in self._handlers)
            raise TypeError(f"it yielded {effect!r}, which is no effect; effects are {known}")
        return self._handlers[type(effect)](process, effect)

    def _guarded(self, process: Process, function: Callable[..., Any], *arguments: Any) -> Any:
        """What fails while an effect is carried out fails the worker that asked for it."""
        try:
            return function(*arguments)
        except (WorkerFailed, Stalled):
            raise
        except Exception as error:
            raise WorkerFailed(process.worker.name, error) from error

    # ---- devices

    def _work(
        self,
        process: Process,
        what: e.Effect,
        layer: str,
        seconds: float,
        begin: Callable[[], Any],
        end: Callable[[Any], Any] = lambda result: result,
    ) -> Any:
        """A timed effect on the worker's device: begin reads and computes, end writes and gives the result."""
        if seconds <= 0:  # what takes no time needs no device
            return end(begin())
        process.waits_for = f"device {process.worker.device}"
        started = 0.0

        def granted() -> Any:
            nonlocal started
            started = self.clock.now
            return self._guarded(process, begin)

        def done(result: Any) -> None:
            if self.trace is not None:
                self.trace.append((process.worker.name, type(what).__name__, layer, started, self.clock.now))
            self._resume(process, self._guarded(process, end, result))

        device = self._devices.setdefault(process.worker.device, Device(self.clock, self.price))
        device.ask(Job(seconds, granted, done))
        return BLOCKED

    # ---- computing

    def _next_batch(self, process: Process, effect: e.NextBatch) -> Any:
        return self.team.next_batch(effect.replica)

    def _snapshot(self, process: Process, effect: e.Snapshot) -> Any:
        layer, step = effect.layer, effect.step
        seconds = self.price.update([layer.index], remote=False)
        return self._work(process, effect, layer.name, seconds, lambda: self.team.snapshot(layer, step, self.clock.now))

    def _forward(self, process: Process, effect: e.Forward) -> Any:
        layer, step = effect.layer, effect.step
        seconds = self.price.forward[layer.index]
        return self._work(process, effect, layer.name, seconds, lambda: self.team.forward(layer, step, self.clock.now))

    def _loss(self, process: Process, effect: e.Loss) -> Any:
        return self.team.loss(effect.step)

    def _backward(self, process: Process, effect: e.Backward) -> Any:
        layer = effect.layer
        seconds = self.price.backward(layer.index, weights=effect.weights, inputs=effect.inputs)

        def begin() -> Any:
            return self.team.backward(layer, effect.step, weights=effect.weights, inputs=effect.inputs)

        def end(gradient: Any) -> Any:
            if gradient is not None:
                gradient.ready = self.clock.now
            return gradient

        return self._work(process, effect, layer.name, seconds, begin, end)

    def _update(self, process: Process, effect: e.Update) -> Any:
        gradients: Any = effect.gradients
        remote = any(g.layer.device != process.worker.device for g in gradients)
        seconds = self.price.update([g.layer.index for g in gradients], remote=remote)
        names = ", ".join(g.layer.name for g in gradients)
        return self._work(
            process,
            effect,
            names,
            seconds,
            lambda: None,
            lambda _: self.team.update(gradients, process.worker.name, self.clock.now),
        )

    # ---- channels

    def _queue(self, channel: e.Channel) -> Queue:
        return self._queues.setdefault(channel, Queue())

    def _put(self, process: Process, effect: e.Put) -> Any:
        queue, capacity = self._queue(effect.channel), effect.channel.capacity
        if queue.getters:
            getter = queue.getters.popleft()
            self._resume(getter, self._hand_over(effect.item, process, getter))
        elif capacity is None or len(queue.items) < capacity:
            queue.items.append((process, effect.item))
        else:
            process.waits_for = f"room in {effect.channel.name}"
            queue.putters.append((process, effect.item))
            return BLOCKED
        return None

    def _get(self, process: Process, effect: e.Get) -> Any:
        queue = self._queue(effect.channel)
        if queue.putters:
            queue.items.append(queue.putters.popleft())
            self._ready.append((queue.items[-1][0], None))
        if queue.items:
            giver, item = queue.items.popleft()
            return self._hand_over(item, giver, process)
        if queue.closed >= effect.channel.producers:
            return None
        process.waits_for = effect.channel.name
        queue.getters.append(process)
        return BLOCKED

    def _hand_over(self, item: Any, giver: Process, getter: Process) -> Any:
        """The getter waits for the transfer, if it is on another device; the giver has gone on."""
        if giver.worker.device == getter.worker.device:
            return item
        size = self.price.parameter_bytes[item.layer.index] if isinstance(item, Gradient) else self.price.LOSS_BYTES
        seconds = self.price.transfer(size)
        if seconds <= 0:
            return item
        getter.waits_for = "a transfer"
        self.clock.after(seconds, lambda: self._resume(getter, item))
        return BLOCKED

    def _close(self, process: Process, effect: e.Close) -> Any:
        port = effect.port
        if isinstance(port, e.Channel):
            queue = self._queue(port)
            queue.closed += 1
            if queue.closed >= port.producers:
                self._ready.extend((getter, None) for getter in queue.getters)
                queue.getters.clear()
        else:
            port.closes += 1
            self._wake(port)

    # ---- counters

    def _count(self, process: Process, effect: e.Count) -> int:
        effect.counter.value += 1
        self._wake(effect.counter)
        return effect.counter.value - 1

    def _await(self, process: Process, effect: e.Await) -> Any:
        counter = effect.counter
        if counter.value >= effect.at_least or counter.ended:
            return counter.value
        process.waits_for = f"{counter.name} to reach {effect.at_least}"
        self._waiting.setdefault(counter, []).append((effect.at_least, process))
        return BLOCKED

    def _wake(self, counter: e.Counter) -> None:
        waiting = self._waiting.pop(counter, [])
        for at_least, process in waiting:
            if counter.value >= at_least or counter.ended:
                self._ready.append((process, counter))  # its value is that of the moment when the worker goes on
            else:
                self._waiting.setdefault(counter, []).append((at_least, process))

    # ---- collectives

    def _all_reduce(self, process: Process, effect: e.AllReduce) -> Any:
        gradient: Any = effect.gradient
        seconds = self.price.all_reduce([gradient.layer.index], effect.group.members)
        return self._meet(process, effect, gradient, seconds, self._reduced)

    def _reduced(self, members: list[tuple[Process, Any, Any]]) -> list[Any]:
        return self.team.mean_gradients([gradient for _, _, gradient in members])

    def _average(self, process: Process, effect: e.Average) -> Any:
        brought = (self.team.flat(effect.replica), effect.last)
        layers = [layer.index for layer in effect.replica.layers]
        seconds = self.price.all_reduce(layers, effect.group.members)
        return self._meet(process, effect, brought, seconds, self._averaged)

    def _averaged(self, members: list[tuple[Process, Any, Any]]) -> list[Any]:
        mean = self.team.mean_flat([snapshot for _, _, (snapshot, _) in members])
        for _, replica, (snapshot, _) in members:
            self.team.add_mean(replica, mean, snapshot)
        return [all(last for _, _, (_, last) in members)] * len(members)

    def _meet(
        self,
        process: Process,
        effect: Any,
        brought: Any,
        seconds: float,
        result: Callable[[list[tuple[Process, Any, Any]]], list[Any]],
    ) -> Any:
        """Wait for the other members; when all are there and the seconds have passed, everyone gets its result."""
        group: e.Group = effect.group
        arrived = self._arrived.setdefault(group, [])
        arrived.append((process, effect.replica, brought))
        process.waits_for = f"the other members of {group.name}"
        if len(arrived) == group.members:
            members = sorted(self._arrived.pop(group), key=lambda member: member[1].index)

            def done() -> None:
                for member, value in zip(members, self._guarded(process, result, members), strict=True):
                    self._ready.append((member[0], value))

            self.clock.after(seconds, done)
        return BLOCKED
