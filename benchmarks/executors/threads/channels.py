"""Channels and counters between threads: one epoch's queues."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.executors.threads.monitor import Monitor
from methods import effects as e


@dataclass(eq=False)
class SharedQueue:
    """A channel's state. `asked` counts the getters that wait, so that a rendezvous knows when it may hand over."""

    items: deque[Any]
    asked: int = 0
    closed: int = 0


class SharedChannels:
    make_items: Callable[[], deque[Any]] = deque

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor
        self._queues: dict[e.Channel, SharedQueue] = {}

    def _queue(self, channel: e.Channel) -> SharedQueue:
        if channel not in self._queues:
            self._queues[channel] = SharedQueue(self.make_items())
        return self._queues[channel]

    def put(self, worker: e.Worker, effect: e.Put) -> None:
        channel = effect.channel
        with self.monitor:
            queue = self._queue(channel)
            if channel.capacity is not None:
                room = channel.capacity
                self.monitor.wait(worker, f"room in {channel.name}", lambda: len(queue.items) < room + queue.asked)
            queue.items.append(effect.item)
            self.monitor.changed()

    def get(self, worker: e.Worker, effect: e.Get) -> Any:
        channel = effect.channel
        with self.monitor:
            queue = self._queue(channel)
            queue.asked += 1
            self.monitor.changed()
            try:
                self.monitor.wait(worker, channel.name, lambda: bool(queue.items) or queue.closed >= channel.producers)
            finally:
                queue.asked -= 1
            item = queue.items.popleft() if queue.items else None
            self.monitor.changed()
            return item

    def close(self, worker: e.Worker, effect: e.Close) -> None:
        with self.monitor:
            if isinstance(effect.port, e.Channel):
                self._queue(effect.port).closed += 1
            else:
                effect.port.closes += 1
            self.monitor.changed()

    def count(self, worker: e.Worker, effect: e.Count) -> int:
        with self.monitor:
            effect.counter.value += 1
            self.monitor.changed()
            return effect.counter.value - 1

    def wait(self, worker: e.Worker, effect: e.Await) -> e.CounterValue:
        counter, least = effect.counter, effect.at_least
        with self.monitor:
            self.monitor.wait(
                worker, f"{counter.name} to reach {least}", lambda: counter.ended or counter.value >= least
            )
            return counter.now
