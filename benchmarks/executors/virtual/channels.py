"""Channels and counters on the virtual clock: one epoch's queues, and who waits at them.

A transfer between devices starts when its item is sent: when the item enters the queue, or is given to a getter who
waits already. An item whose putter has to wait for room is sent when there is room; in a rendezvous, when it is asked
for. What has been in the queue for longer than its transfer takes is there at once, else the getter waits for the rest.
Links are not shared out: any number of transfers are under way at once, each at the link's full rate.
"""

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


@dataclass(frozen=True, slots=True)
class Sent:
    """An item on its way."""

    item: Any
    worker: e.Worker  # that it comes from
    time: float


@dataclass(eq=False)
class Queue:
    """A channel's state: what was sent, and who waits at either end."""

    items: deque[Sent] = field(default_factory=deque)
    putters: deque[tuple[Process, Any]] = field(default_factory=deque)
    getters: deque[Process] = field(default_factory=deque)
    closed: int = 0


def _cut(giver: e.Worker, getter: e.Worker) -> int | None:
    """The last layer of the earlier one of two stages of a pipeline; None of workers that hold no layers."""
    parts = [worker.holds for worker in (giver, getter) if worker.holds]
    return min(part[-1].index for part in parts) if len(parts) > 1 else None


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
            self.resume(getter, self._hand_over(self._send(process, effect.item), getter))
        elif capacity is None or len(queue.items) < capacity:
            queue.items.append(self._send(process, effect.item))
        else:
            process.waits_for = f"room in {effect.channel.name}"
            queue.putters.append((process, effect.item))
            return BLOCKED
        return None

    def get(self, process: Process, effect: e.Get) -> Any:
        queue = self._queue(effect.channel)
        if queue.putters:
            putter, item = queue.putters.popleft()
            queue.items.append(self._send(putter, item))
            self.ready.append((putter, None))
        if queue.items:
            return self._hand_over(queue.items.popleft(), process)
        if queue.closed >= effect.channel.producers:
            return None
        process.waits_for = effect.channel.name
        queue.getters.append(process)
        return BLOCKED

    def _send(self, process: Process, item: Any) -> Sent:
        return Sent(item, process.worker, self.clock.now)

    def _hand_over(self, sent: Sent, getter: Process) -> Any:
        """The getter waits for what is left of the transfer, if it is on another device; the giver has gone on."""
        seconds = sent.time + self._transfer(sent, getter) - self.clock.now
        if seconds <= 0:
            return sent.item
        getter.waits_for = "a transfer"
        self.clock.after(seconds, lambda: self.resume(getter, sent.item))
        return BLOCKED

    def _transfer(self, sent: Sent, getter: Process) -> float:
        """Seconds of it."""
        if sent.worker.device == getter.worker.device:
            return 0.0
        if isinstance(sent.item, DryGradient):
            return self.price.transfer(self.price.parameter_bytes[sent.item.layer.index])
        return self.price.transfer(self.price.batch_bytes(_cut(sent.worker, getter.worker)))

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
            return counter.now
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
