"""What became of an epoch's batches and gradients: an epoch that is not used up is no epoch."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Protocol


class Entry(Protocol):
    """A batch until it has led to a gradient, a gradient until it was applied or reduced; or until it was dropped."""

    settled: bool


class Ledger:
    """Counts of an epoch; several workers may write at once. dropped: gradients over all epochs, as methods declared.

    A gradient that goes to several replicas is applied at the first.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.dropped = 0
        self.clear()

    def clear(self) -> None:
        """Begin an epoch."""
        self.begun, self.unused = 0, 0  # batches that led to a gradient or were dropped; gradients still to be settled

    def made(self, step: Entry) -> None:
        """A gradient of the batch."""
        with self._lock:
            self.unused += 1
            if not step.settled:  # as _begin, without its call
                step.settled = True
                self.begun += 1

    def applied(self, gradients: Sequence[Entry]) -> None:
        """To one replica or the other, or used up in another way."""
        with self._lock:
            for gradient in gradients:
                self.unused -= not gradient.settled
                gradient.settled = True

    def arrived(self, gradient: Entry) -> None:
        """From another process, where it was settled by being handed on, if it had not been before."""
        with self._lock:
            self.unused += not gradient.settled

    def reduced(self, gradients: Sequence[Entry], means: Sequence[Entry]) -> None:
        """An AllReduce uses gradients up and makes as many; its only member has its own back."""
        if means[0] is not gradients[0]:
            self.applied(gradients)
            with self._lock:
                self.unused += len(means)

    def drop_batch(self, step: Entry, gradients: int) -> None:
        """gradients: how many it would have led to."""
        with self._lock:
            self.dropped += 0 if step.settled else gradients
            self._begin(step)

    def drop(self, gradient: Entry) -> None:
        with self._lock:
            self.dropped += not gradient.settled
        self.applied([gradient])

    def _begin(self, step: Entry) -> None:
        self.begun += not step.settled
        step.settled = True

    def open_items(self, steps: int, taken: int) -> Iterator[str]:
        """What was left over, in words. steps: batches of the epoch, of which so many were taken."""
        if taken < steps:
            yield f"{steps - taken} of {steps} batches were never taken"
        if self.begun < taken:
            yield f"{taken - self.begun} of {taken} batches led to no gradient"
        if self.unused:
            yield f"{self.unused} gradients were neither applied nor dropped"
