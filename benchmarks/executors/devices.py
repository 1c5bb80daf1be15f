"""The simulated clock and the simulated devices that effects wait for."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from benchmarks.pricing import Price


class Clock:
    """Simulated seconds and what is going to happen; of two events at one time the one scheduled first comes first."""

    def __init__(self) -> None:
        self.now = 0.0
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = count()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self.events, (self.now + seconds, next(self._sequence), action))

    def tick(self) -> None:
        self.now, _, action = heapq.heappop(self.events)
        action()


@dataclass(eq=False)
class Job:
    """Something that takes a device's time. granted computes a result, which done gets when the seconds are over."""

    seconds: float
    granted: Callable[[], Any]
    done: Callable[[Any], None]


@dataclass(eq=False)
class Device:
    """First come, first served, on as many lanes as the card says."""

    clock: Clock
    price: Price
    busy: int = 0
    queue: deque[Job] = field(default_factory=deque)

    def ask(self, job: Job) -> None:
        if self.queue or self.busy >= self.price.lanes:
            self.queue.append(job)
        else:
            self._grant(job)

    def _grant(self, job: Job) -> None:
        self.busy += 1
        slowdown = self.price.lane_slowdown if self.busy > 1 else 1.0
        result = job.granted()

        def over() -> None:
            self.busy -= 1
            job.done(result)  # the worker goes on before the device turns to the next one
            if self.queue and self.busy < self.price.lanes:
                self._grant(self.queue.popleft())

        self.clock.after(job.seconds * slowdown, over)
