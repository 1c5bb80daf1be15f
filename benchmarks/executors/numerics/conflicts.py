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
        """Returns the increments per counter that did not arrive; once all updates are over."""
        return self.increments - float(self.counters.double().mean())


def total(counts: Iterable[LayerConflicts]) -> LayerConflicts:
    """Returns the sums."""
    added: LayerConflicts = {
        "lost_updates": 0.0,
        "overlapping_updates": 0,
        "weight_reads": 0,
        "torn_reads": 0,
        "overlapping_reads": 0,
    }
    for of in counts:
        added["lost_updates"] += of["lost_updates"]
        added["overlapping_updates"] += of["overlapping_updates"]
        added["weight_reads"] += of["weight_reads"]
        added["torn_reads"] += of["torn_reads"]
        added["overlapping_reads"] += of["overlapping_reads"]
    return added


class AccessCounter:
    """The writes and reads of the weights of one replica's layer: those under way, and counts of an epoch.

    shadow: of weights that are written without a lock.
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
        self.seen = total(())  # without the lost updates that the shadow knows of
        if self.shadow is not None:
            self.shadow.clear()

    def added(self) -> None:
        """Notes a write that added to what was there."""
        with self.lock:
            self.kept += 1

    def overwrote(self, copied: int) -> None:
        """Notes an update that wrote its copy over what was there. copied: the writes that are in the copy."""
        with self.lock:
            self.seen["lost_updates"] += self.kept - copied
            self.kept = copied + 1

    def counts(self) -> LayerConflicts:
        """Returns the counts between effects: an increment that the shadow still waits for looks lost."""
        lost = self.shadow.lost() if self.shadow is not None else 0.0
        return {**self.seen, "lost_updates": self.seen["lost_updates"] + lost}

    def load(self, counts: LayerConflicts) -> None:
        """Counts on from there."""
        self.clear()
        self.seen = {**counts}


class WeightWrite:
    """`with WeightWrite(counter, update=...):` around what changes the weights. update: it is one, else an average."""

    __slots__ = ("counter", "met", "number", "update")

    def __init__(self, counter: AccessCounter, *, update: bool) -> None:
        self.counter, self.update = counter, update

    def __enter__(self) -> None:
        counter = self.counter
        with counter.lock:
            self.number, self.met = counter.begun, bool(counter.writing)
            for other in counter.writing:
                other.met = True
            counter.begun += 1
            counter.writing.append(self)

    def __exit__(self, *exc: object) -> None:
        counter = self.counter
        with counter.lock:
            counter.writing.remove(self)
            counter.seen["overlapping_updates"] += self.update and self.met


class WeightRead:
    """`with WeightRead(counter):` around what reads the weights."""

    __slots__ = ("begun", "counter", "met")

    def __init__(self, counter: AccessCounter) -> None:
        self.counter = counter

    def __enter__(self) -> None:
        counter = self.counter
        with counter.lock:
            self.begun, self.met = counter.begun, tuple(counter.writing)

    def __exit__(self, *exc: object) -> None:
        counter = self.counter
        with counter.lock:
            counter.seen["weight_reads"] += 1
            if self.met or counter.begun > self.begun:
                counter.seen["overlapping_reads"] += 1
                counter.seen["torn_reads"] += self._torn(counter.writing)

    def _torn(self, writing: Sequence[WeightWrite]) -> bool:
        """Returns whether a write lasted longer on both sides, or began and ended within the read."""
        later = sum(write.number >= self.begun for write in writing)
        return any(write in writing for write in self.met) or self.counter.begun - self.begun > later
