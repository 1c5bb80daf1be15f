"""The simulated clock and the simulated devices that effects wait for."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from benchmarks.hardware.price import Price

Event = tuple[float, int, Callable[[], None]]
"""When, in which order of scheduling, and what."""


class Clock:
    """Simulated seconds and what is going to happen; of two events at one time the one scheduled first comes first."""

    def __init__(self) -> None:
        self.now = 0.0
        self.events: list[Event] = []
        self._sequence = count()

    def after(self, seconds: float, action: Callable[[], None]) -> Event:
        event = (self.now + seconds, next(self._sequence), action)
        heapq.heappush(self.events, event)
        return event

    def cancel(self, event: Event) -> None:
        """It will not happen. Raises ValueError where it has."""
        self.events.remove(event)
        heapq.heapify(self.events)

    def tick(self) -> None:
        self.now, _, action = heapq.heappop(self.events)
        action()


@dataclass(eq=False)
class DeviceJob:
    """Something that takes a device's time. granted computes a result, which done gets when the seconds are over.

    A job that takes the whole device waits until nothing else is under way on it, and lets nothing start beside it.
    """

    seconds: float
    granted: Callable[[], Any]
    done: Callable[[Any], None]
    whole: bool = False


@dataclass(eq=False)
class Device:
    """First come, first served, on as many lanes as the card says."""

    clock: Clock
    price: Price
    busy: int = 0  # lanes
    queue: deque[DeviceJob] = field(default_factory=deque)

    def ask(self, job: DeviceJob) -> None:
        self.queue.append(job)
        if len(self.queue) == 1:
            self._serve()

    def _serve(self) -> None:
        lanes = self.price.lanes
        while self.queue and self.busy + (lanes if self.queue[0].whole else 1) <= lanes:
            self._grant(self.queue.popleft())

    def _grant(self, job: DeviceJob) -> None:
        lanes = self.price.lanes if job.whole else 1
        self.busy += lanes
        slowdown = 1.0 if job.whole else max(1.0, self.busy / self.price.lane_capacity)
        result = job.granted()

        def over() -> None:
            self.busy -= lanes
            job.done(result)  # the worker goes on before the device turns to the next one
            self._serve()

        self.clock.after(job.seconds * slowdown, over)
