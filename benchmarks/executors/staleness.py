"""Staleness, measured by executors: how many updates, and seconds, lie between reading weights and updating them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol, cast

from benchmarks.executors.counts import LayerStaleness, StalenessSums


class TimedEvent(Protocol):
    """A moment on a device that runs behind the host: known once the device has come to it."""

    def elapsed_time(self, end_event: TimedEvent) -> float:
        """Returns milliseconds until the other event. Raises RuntimeError before the device has come to both."""


Moment = float | TimedEvent  # the clock's seconds, or a device's event


def seconds_between(earlier: Moment, later: Moment) -> float:
    """Returns the seconds between two moments of the same kind."""
    if isinstance(later, float):
        return later - cast(float, earlier)
    return cast(TimedEvent, earlier).elapsed_time(later) / 1000


class Staleness:
    """Sums the staleness of applied gradients per layer.

    Seconds are those of the executor's clock, or differences of device events where a device runs behind the host.
    """

    def __init__(self, layers: Sequence[str]) -> None:
        self.layers = list(layers)
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        n = len(self.layers)
        self.count, self.updates, self.seconds, self.wait = [0] * n, [0] * n, [0.0] * n, [0.0] * n
        self.unknown: list[tuple[int, Moment, Moment, Moment]] = []

    def note(self, layer: int, updates: int, read: Moment, ready: Moment, now: Moment) -> None:
        """Notes an applied gradient.

        updates: its staleness; read: when its pass read the weights; ready: when it was computed.
        """
        with self.lock:
            self.count[layer] += 1
            self.updates[layer] += updates
            if isinstance(now, float):  # as _add, without its calls: most of what a simulation without tensors does
                self.seconds[layer] += now - read  # type: ignore[operator]
                self.wait[layer] += now - ready  # type: ignore[operator]
            else:
                self.unknown.append((layer, read, ready, now))

    def sums(self) -> StalenessSums:
        """Returns the epoch's sums so far. Raises RuntimeError while a device has not reached the events noted."""
        while self.unknown:
            layer, read, ready, now = self.unknown[-1]
            seconds, wait = seconds_between(read, now), seconds_between(ready, now)
            self.seconds[layer] += seconds
            self.wait[layer] += wait
            self.unknown.pop()
        return {"count": self.count, "updates": self.updates, "seconds": self.seconds, "wait": self.wait}

    def resume(self, sums: StalenessSums) -> None:
        """Continues from a checkpoint's sums."""
        self.unknown = []
        self.count, self.updates = sums["count"], sums["updates"]
        self.seconds, self.wait = sums["seconds"], sums["wait"]

    def per_layer(self) -> list[LayerStaleness]:
        """Returns the means of each layer; raises as `sums`."""
        sums = self.sums()
        return [
            {
                "layer": name,
                "updates": sums["updates"][i] / max(1, count),
                "seconds": sums["seconds"][i] / max(1, count),
                "wait_seconds": sums["wait"][i] / max(1, count),
                "reads": count,
            }
            for i, (name, count) in enumerate(zip(self.layers, sums["count"], strict=True))
        ]

    def mean(self) -> tuple[float, float, float]:
        """Returns (updates, seconds, wait seconds) averaged over the layers."""
        rows = self.per_layer()
        sums = (sum(r["updates"] for r in rows), sum(r["seconds"] for r in rows), sum(r["wait_seconds"] for r in rows))
        return sums[0] / len(rows), sums[1] / len(rows), sums[2] / len(rows)
