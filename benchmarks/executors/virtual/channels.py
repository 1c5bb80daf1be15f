"""Channels and counters on the virtual clock: one epoch's queues, and who waits at them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.executors.accounts import DryGradient
from benchmarks.executors.virtual.devices import Clock
from benchmarks.executors.virtual.processes import BLOCKED, Process, Ready
from benchmarks.hardware.price import Price
from methods import effects as e


@dataclass(eq=False)
class Queue:
    """A channel's state: items, and who waits at either end."""

    items: deque[tuple[Process, Any]] = field(default_factory=deque)
    putters: deque[tuple[Process, Any]] = field(default_factory=deque)
    getters: deque[Process] = field(default_factory=deque)
    closed: int = 0


class Channels:
    """resume: lets a worker go on at once; who is in `ready` goes on in its turn."""

    def __init__(self, clock: Clock, price: Price, ready: Ready, resume: Callable[[Process, Any], None]) -> None:
        self.clock, self.price, self.ready, self.resume = clock, price, ready, resume
        self._queues: dict[e.Channel, Queue] = {}
        self._waiting: dict[e.Counter, list[tuple[int, Process]]] = {}

    def _queue(self, channel: e.Channel) -> Queue:
        return self._queues.setdefault(channel, Queue())

    def put(self, process: Process, effect: e.Put) -> Any:
        queue, capacity = self._queue(effect.channel), effect.channel.capacity
        if queue.getters:
            getter = queue.getters.popleft()
            self.resume(getter, self._hand_over(effect.item, process, getter))
        elif capacity is None or len(queue.items) < capacity:
            queue.items.append((process, effect.item))
        else:
            process.waits_for = f"room in {effect.channel.name}"
            queue.putters.append((process, effect.item))
            return BLOCKED
        return None

    def get(self, process: Process, effect: e.Get) -> Any:
        queue = self._queue(effect.channel)
        if queue.putters:
            queue.items.append(queue.putters.popleft())
            self.ready.append((queue.items[-1][0], None))
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
        size = self.price.parameter_bytes[item.layer.index] if isinstance(item, DryGradient) else self.price.LOSS_BYTES
        seconds = self.price.transfer(size)
        if seconds <= 0:
            return item
        getter.waits_for = "a transfer"
        self.clock.after(seconds, lambda: self.resume(getter, item))
        return BLOCKED

    def close(self, process: Process, effect: e.Close) -> Any:
        port = effect.port
        if isinstance(port, e.Channel):
            queue = self._queue(port)
            queue.closed += 1
            if queue.closed >= port.producers:
                self.ready.extend((getter, None) for getter in queue.getters)
                queue.getters.clear()
        else:
            port.closes += 1
            self._wake(port)

    def count(self, process: Process, effect: e.Count) -> int:
        effect.counter.value += 1
        self._wake(effect.counter)
        return effect.counter.value - 1

    def wait(self, process: Process, effect: e.Await) -> Any:
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
                self.ready.append((process, counter))  # its value is that of the moment when the worker goes on
            else:
                self._waiting.setdefault(counter, []).append((at_least, process))
