"""Staleness, measured by the executor out of the effects: how old the weights were that a gradient was taken for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Protocol

from typing_extensions import TypedDict


class TimedEvent(Protocol):
    """A moment on a device that runs behind the host: known once the device has come to it."""

    def elapsed_time(self, end_event: Any) -> float:
        """Milliseconds until the other event. Raises RuntimeError before the device has come to both."""


Moment = float | TimedEvent  # the clock's seconds, or a device's event


def seconds_between(earlier: Any, later: Any) -> float:
    """Of two moments of the same kind."""
    seconds: float = later - earlier if isinstance(later, float) else earlier.elapsed_time(later) / 1000
    return seconds


class LayerStaleness(TypedDict):
    """Means over the gradients applied to one layer."""

    layer: str
    updates: float  # others' updates between the forward pass's read and this update
    seconds: float  # between the forward pass's read and this update
    wait_seconds: float  # between the gradient being there and this update (A, section 3.4)
    reads: int


class StalenessSums(TypedDict):
    """Of an epoch's staleness so far, per layer: what a run that resumes goes on from."""

    count: list[int]
    updates: list[int]
    seconds: list[float]
    wait: list[float]


class Staleness:
    """Sums per layer; the clock of `seconds` is the executor's, or a device's where it runs behind the host."""

    def __init__(self, layers: Sequence[str]) -> None:
        self.layers = list(layers)
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        n = len(self.layers)
        self.count, self.updates, self.seconds, self.wait = [0] * n, [0] * n, [0.0] * n, [0.0] * n
        self.unknown: list[tuple[int, Moment, Moment, Moment]] = []

    def note(self, layer: int, updates: int, read: Moment, ready: Moment, now: Moment) -> None:
        """A gradient was applied `now`, whose forward pass had read the weights at `read`, and which was `ready`."""
        with self.lock:
            self.count[layer] += 1
            self.updates[layer] += updates
            if isinstance(now, float):  # as _add, without its calls: most of what a simulation without tensors does
                self.seconds[layer] += now - read  # type: ignore[operator]
                self.wait[layer] += now - ready  # type: ignore[operator]
            else:
                self.unknown.append((layer, read, ready, now))

    def _add(self, layer: int, read: Moment, ready: Moment, now: Moment) -> None:
        seconds, wait = seconds_between(read, now), seconds_between(ready, now)
        self.seconds[layer] += seconds
        self.wait[layer] += wait

    def sums(self) -> StalenessSums:
        """The epoch's, so far. Raises RuntimeError as `per_layer`."""
        self.per_layer()
        return {"count": self.count, "updates": self.updates, "seconds": self.seconds, "wait": self.wait}

    def resume(self, sums: StalenessSums) -> None:
        """Go on from them."""
        self.clear()
        self.count, self.updates, self.seconds, self.wait = (
            sums["count"],
            sums["updates"],
            sums["seconds"],
            sums["wait"],
        )

    def per_layer(self) -> list[LayerStaleness]:
        """Raises RuntimeError while a device has not come to the moments that were noted."""
        while self.unknown:
            self._add(*self.unknown[-1])
            self.unknown.pop()
        return [
            {
                "layer": name,
                "updates": self.updates[i] / max(1, self.count[i]),
                "seconds": self.seconds[i] / max(1, self.count[i]),
                "wait_seconds": self.wait[i] / max(1, self.count[i]),
                "reads": self.count[i],
            }
            for i, name in enumerate(self.layers)
        ]

    def mean(self) -> tuple[float, float, float]:
        """(updates, seconds, wait seconds) averaged over the layers."""
        rows = self.per_layer()
        sums = (sum(r["updates"] for r in rows), sum(r["seconds"] for r in rows), sum(r["wait_seconds"] for r in rows))
        return sums[0] / len(rows), sums[1] / len(rows), sums[2] / len(rows)
