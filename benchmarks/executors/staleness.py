"""Staleness, measured by the executor out of the effects: how old the weights were that a gradient was taken for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TypedDict


class LayerStaleness(TypedDict):
    """Means over the gradients applied to one layer."""

    layer: str
    updates: float  # others' updates between the forward pass's read and this update
    seconds: float  # between the forward pass's read and this update
    wait_seconds: float  # between the gradient being there and this update (A, section 3.4)
    reads: int


class Staleness:
    """Sums per layer; the clock of `seconds` is the executor's."""

    def __init__(self, layers: Sequence[str]) -> None:
        self.layers = list(layers)
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        n = len(self.layers)
        self.count, self.updates, self.seconds, self.wait = [0] * n, [0] * n, [0.0] * n, [0.0] * n

    def note(self, layer: int, updates: int, seconds: float, wait: float) -> None:
        with self.lock:
            self.count[layer] += 1
            self.updates[layer] += updates
            self.seconds[layer] += seconds
            self.wait[layer] += wait

    def per_layer(self) -> list[LayerStaleness]:
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
