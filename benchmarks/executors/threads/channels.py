"""Channels and counters between threads, for one epoch."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import cast

from benchmarks.executors.threads.monitor import Monitor, Wait
from benchmarks.executors.traffic import Traffic
from methods import effects as e


@dataclass(eq=False)
class SharedQueue:
    """The state of a channel.

    items: each with the worker that put it; None: a worker of another rank, where its bytes have been counted.
    getters: number of waiting Get effects; a rendezvous accepts an item only for one of them.
    closed: number of Close effects.
    """

    items: deque[tuple[object, e.Worker | None]]
    getters: int = 0
    closed: int = 0


class SharedChannels:
    """Carries out the effects on channels and counters, under the monitor's lock."""

    make_items: Callable[[], deque[tuple[object, e.Worker | None]]] = deque

    begun = 0.0
    """When the executor's clock began, in seconds of `time.perf_counter`."""

    def __init__(self, monitor: Monitor, traffic: Traffic) -> None:
        self.monitor, self.traffic = monitor, traffic
        self._queues: dict[e.Channel, SharedQueue] = {}

    def _queue(self, channel: e.Channel) -> SharedQueue:
        if channel not in self._queues:
            self._queues[channel] = SharedQueue(self.make_items())
        return self._queues[channel]

    def put(self, worker: e.Worker, effect: e.Put) -> Wait | None:
        channel, capacity = effect.channel, effect.channel.capacity
        with self.monitor:
            queue = self._queue(channel)

        def append() -> None:
            queue.items.append((effect.item, worker))
            self.monitor.changed()

        return Wait(
            f"room in {channel.name}",
            lambda: capacity is None or len(queue.items) < capacity + queue.getters,
            take=append,
        )

    def get(self, worker: e.Worker, effect: e.Get) -> Wait:
        channel, deadline = effect.channel, inf
        if effect.deadline is not None:
            deadline = self.begun + effect.deadline
        with self.monitor:
            queue = self._queue(channel)
            queue.getters += 1
            self.monitor.changed()

        def popleft() -> object:
            queue.getters -= 1
            no_item: tuple[object, None] = (None if queue.closed >= channel.producers else e.LATE, None)
            sent = queue.items.popleft() if queue.items else no_item
            self.monitor.changed()
            return sent

        def ready() -> bool:
            past = deadline < inf and time.perf_counter() >= deadline
            return bool(queue.items) or queue.closed >= channel.producers or past

        def deliver(sent: object) -> object:
            item, giver = cast(tuple[object, e.Worker | None], sent)
            return item if giver is None else self.traffic.deliver(item, giver, worker)

        return Wait(channel.name, ready, popleft, deliver, deadline=deadline)

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
