"""Channels and counters between threads: one epoch's queues."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.executors.threads.monitor import Monitor, Wait
from methods import effects as e


@dataclass(eq=False)
class SharedQueue:
    """A channel's state. getters: how many wait, so that a rendezvous knows when an item may be handed over."""

    items: deque[object]
    getters: int = 0
    closed: int = 0


class SharedChannels:
    """Carries out the effects on channels and counters, under the monitor."""

    make_items: Callable[[], deque[object]] = deque

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor
        self._queues: dict[e.Channel, SharedQueue] = {}

    def _queue(self, channel: e.Channel) -> SharedQueue:
        if channel not in self._queues:
            self._queues[channel] = SharedQueue(self.make_items())
        return self._queues[channel]

    def put(self, worker: e.Worker, effect: e.Put) -> Wait | None:
        channel, room = effect.channel, effect.channel.capacity
        with self.monitor:
            queue = self._queue(channel)

        def append() -> None:
            queue.items.append(effect.item)
            self.monitor.changed()

        return Wait(
            f"room in {channel.name}", lambda: room is None or len(queue.items) < room + queue.getters, take=append
        )

    def get(self, worker: e.Worker, effect: e.Get) -> Wait:
        channel = effect.channel
        with self.monitor:
            queue = self._queue(channel)
            queue.getters += 1
            self.monitor.changed()

        def popleft() -> object:
            queue.getters -= 1
            item = queue.items.popleft() if queue.items else None
            self.monitor.changed()
            return item

        return Wait(channel.name, lambda: bool(queue.items) or queue.closed >= channel.producers, take=popleft)

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

    def wait(self, worker: e.Worker, effect: e.Await) -> Wait:
        counter, least = effect.counter, effect.at_least
        return Wait(
            f"{counter.name} to reach {least}",
            lambda: counter.ended or counter.value >= least,
            take=lambda: counter.now,
        )
