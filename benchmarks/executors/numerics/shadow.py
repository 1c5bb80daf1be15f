"""A shadow of a layer's weights, in which lost updates can be counted."""

from __future__ import annotations

import threading

import torch

COMPONENTS = 512  # int64: 64 cache lines, so that threads meet in it as they do in the weights


class Shadow:
    """Counters on the weights' device that every update increments in place, without a lock, beside its own step.

    A component of the weights loses an update where two threads, or streams, read it before either has written. So does
    a counter, whose increments are known; their mean loss is an estimate of the weights' share.
    """

    def __init__(self, device: torch.device) -> None:
        self.counters = torch.zeros(COMPONENTS, dtype=torch.int64, device=device)
        self.lock = threading.Lock()
        self.increments = 0

    def clear(self) -> None:
        self.counters.zero_()
        self.increments = 0

    def increment(self) -> None:
        with self.lock:
            self.increments += 1
        self.counters += 1

    def lost(self) -> float:
        """Increments per counter that did not arrive; once all updates are over."""
        return self.increments - float(self.counters.double().mean())
