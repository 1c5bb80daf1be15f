"""Conflicts over a layer's weights, measured: updates that were lost, and reads that saw half of an update.

Where effects are events, as on the virtual clock, a read or write is over before the next begins: updates can be lost
there by overwriting alone, and no read is torn. Between threads both are counted as they happen.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

import torch

from benchmarks.executors.counts import LayerConflicts

COMPONENTS = 512  # int64: 64 cache lines, so that threads meet in it as they do in the weights


class Shadow:
    """Counters on the weights' device that every update increments, without a lock, beside its own step.

    Where two threads (or streams) both read a weight before either has written it, one update is lost. Counters lose
    increments in the same way, and their number is known: the mean loss of the counters estimates the weights'.
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
        """Returns the mean number of increments lost per counter; call it once all updates are over."""
        return self.increments - float(self.counters.double().mean())


def total(counts: Iterable[LayerConflicts]) -> LayerConflicts:
    """Returns the sums of several layers' counts."""
    added: LayerConflicts = {
        "lost_updates": 0.0,
        "overlapping_updates": 0,
        "weight_reads": 0,
        "torn_reads": 0,
        "overlapping_reads": 0,
    }
    for layer_counts in counts:
        added["lost_updates"] += layer_counts["lost_updates"]
        added["overlapping_updates"] += layer_counts["overlapping_updates"]
        added["weight_reads"] += layer_counts["weight_reads"]
        added["torn_reads"] += layer_counts["torn_reads"]
        added["overlapping_reads"] += layer_counts["overlapping_reads"]
    return added


class AccessCounter:
    """Counts the reads and writes of one replica's layer that overlap.

    shadow: where weights are written without a lock.
    """

    def __init__(self, shadow: Shadow | None = None) -> None:
        self.lock = threading.Lock()
        self.begun = 0  # writes by threads
        self.kept = 0  # writes that are in the weights
        self.writing: list[WeightWrite] = []
        self.shadow = shadow
        self.clear()

    def clear(self) -> None:
        """Begins an epoch."""
        self.counted = total(())  # without the lost updates that the shadow knows of
        if self.shadow is not None:
            self.shadow.clear()

    def count_addition(self) -> None:
        """Notes a write that added to the live weights."""
        with self.lock:
            self.kept += 1

    def count_overwrite(self, copied: int) -> None:
        """Notes an update that wrote its copy over the live weights. copied: how many writes that copy contains."""
        with self.lock:
            self.counted["lost_updates"] += self.kept - copied
            self.kept = copied + 1

    def counts(self) -> LayerConflicts:
        """Returns the counts; correct between effects only, since the shadow counts an update under way as lost."""
        missing = self.shadow.lost() if self.shadow is not None else 0.0
        return {**self.counted, "lost_updates": self.counted["lost_updates"] + missing}

    def load(self, counts: LayerConflicts) -> None:
        """Continues from these counts."""
        self.clear()
        self.counted = {**counts}


class WeightWrite:
    """`with WeightWrite(counter, update=...):` around a change of the weights.

    Update: an optimizer's, else an average's.
    """

    __slots__ = ("counter", "number", "overlapped", "update")

    def __init__(self, counter: AccessCounter, *, update: bool) -> None:
        self.counter, self.update = counter, update

    def __enter__(self) -> None:
        counter = self.counter
        with counter.lock:
            self.number, self.overlapped = counter.begun, bool(counter.writing)
            for write in counter.writing:
                write.overlapped = True
            counter.begun += 1
            counter.writing.append(self)

    def __exit__(self, *exc: object) -> None:
        counter = self.counter
        with counter.lock:
            counter.writing.remove(self)
            counter.counted["overlapping_updates"] += self.update and self.overlapped


class WeightRead:
    """`with WeightRead(counter):` around what reads the weights."""

    __slots__ = ("begun", "counter", "overlapped")

    def __init__(self, counter: AccessCounter) -> None:
        self.counter = counter

    def __enter__(self) -> None:
        counter = self.counter
        with counter.lock:
            self.begun, self.overlapped = counter.begun, tuple(counter.writing)

    def __exit__(self, *exc: object) -> None:
        counter = self.counter
        with counter.lock:
            counter.counted["weight_reads"] += 1
            if self.overlapped or counter.begun > self.begun:
                counter.counted["overlapping_reads"] += 1
                counter.counted["torn_reads"] += self._torn(counter.writing)

    def _torn(self, writing: Sequence[WeightWrite]) -> bool:
        """Returns whether a write lasted longer on both sides, or began and ended within the read."""
        later = sum(write.number >= self.begun for write in writing)
        return any(write in writing for write in self.overlapped) or self.counter.begun - self.begun > later
