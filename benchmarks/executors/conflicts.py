"""Conflicts over a layer's weights, measured: updates that were lost, and reads that saw half of an update.

Where effects are events, as on the virtual clock, a read or write is over before the next begins: updates can be lost
there by overwriting alone, and no read is torn. Between threads both are counted as they happen.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

from benchmarks.executors.resuming import LayerConflicts


class Counters(Protocol):
    """Counters that lose increments as weights lose updates."""

    def clear(self) -> None: ...
    def lost(self) -> float:
        """Increments per counter that did not arrive."""


class Traffic:
    """The writes and reads of the weights of one replica's layer: those under way, and counts of an epoch."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.begun = 0  # writes by threads
        self.kept = 0  # writes that are in the weights
        self.writing: list[WeightWrite] = []
        self.shadow: Counters | None = None
        self.clear()

    def clear(self) -> None:
        """Begin an epoch."""
        self.lost = 0.0  # writes, beside those that the shadow knows of
        self.overlapping_updates = self.reads = self.torn = self.overlapping_reads = 0
        if self.shadow is not None:
            self.shadow.clear()

    def added(self) -> None:
        """A write added to what was there."""
        with self.lock:
            self.kept += 1

    def overwrote(self, copied: int) -> None:
        """An update wrote its copy over what was there. copied: the writes that are in the copy."""
        with self.lock:
            self.lost += self.kept - copied
            self.kept = copied + 1

    def counts(self) -> LayerConflicts:
        """Between effects: an increment that the shadow still waits for looks lost."""
        return {
            "lost_updates": self.lost + (self.shadow.lost() if self.shadow is not None else 0.0),
            "overlapping_updates": self.overlapping_updates,
            "weight_reads": self.reads,
            "torn_reads": self.torn,
            "overlapping_reads": self.overlapping_reads,
        }

    def load(self, counts: LayerConflicts) -> None:
        """Count on from there."""
        self.clear()
        self.lost, self.overlapping_updates = counts["lost_updates"], counts["overlapping_updates"]
        self.reads, self.torn = counts["weight_reads"], counts["torn_reads"]
        self.overlapping_reads = counts["overlapping_reads"]


class WeightWrite:
    """`with WeightWrite(traffic, update=...):` around what changes the weights. update: it is one, else an average."""

    __slots__ = ("met", "number", "traffic", "update")

    def __init__(self, traffic: Traffic, *, update: bool) -> None:
        self.traffic, self.update = traffic, update

    def __enter__(self) -> None:
        traffic = self.traffic
        with traffic.lock:
            self.number, self.met = traffic.begun, bool(traffic.writing)
            for other in traffic.writing:
                other.met = True
            traffic.begun += 1
            traffic.writing.append(self)

    def __exit__(self, *exc: object) -> None:
        traffic = self.traffic
        with traffic.lock:
            traffic.writing.remove(self)
            traffic.overlapping_updates += self.update and self.met


class WeightRead:
    """`with WeightRead(traffic):` around what reads the weights."""

    __slots__ = ("begun", "met", "traffic")

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic

    def __enter__(self) -> None:
        traffic = self.traffic
        with traffic.lock:
            self.begun, self.met = traffic.begun, tuple(traffic.writing)

    def __exit__(self, *exc: object) -> None:
        traffic = self.traffic
        with traffic.lock:
            traffic.reads += 1
            if self.met or traffic.begun > self.begun:
                traffic.overlapping_reads += 1
                traffic.torn += self._torn(traffic.writing)

    def _torn(self, writing: Sequence[WeightWrite]) -> bool:
        """Whether a write lasted longer on both sides, or began and ended within the read."""
        later = sum(write.number >= self.begun for write in writing)
        return any(write in writing for write in self.met) or self.traffic.begun - self.begun > later


class Conflicts:
    """Of a team. layers: per layer, its replicas' traffic."""

    def __init__(self, layers: Sequence[Sequence[Traffic]]) -> None:
        self.layers = layers

    def clear(self) -> None:
        """Begin an epoch."""
        for traffic in self._all():
            traffic.clear()

    def per_layer(self) -> list[LayerConflicts]:
        """Sums over the replicas."""
        return [_total([traffic.counts() for traffic in replicas]) for replicas in self.layers]

    def state(self) -> list[LayerConflicts]:
        """The counts of an epoch under way, JSON-like, between effects."""
        return [traffic.counts() for traffic in self._all()]

    def load(self, state: Sequence[LayerConflicts]) -> None:
        """Count on from what `state` gave. Raises ValueError where the team has other layers or replicas."""
        for traffic, counts in zip(self._all(), state, strict=True):
            traffic.load(counts)

    def _all(self) -> list[Traffic]:
        return [traffic for replicas in self.layers for traffic in replicas]


def _total(counts: Sequence[LayerConflicts]) -> LayerConflicts:
    return {
        "lost_updates": sum(one["lost_updates"] for one in counts),
        "overlapping_updates": sum(one["overlapping_updates"] for one in counts),
        "weight_reads": sum(one["weight_reads"] for one in counts),
        "torn_reads": sum(one["torn_reads"] for one in counts),
        "overlapping_reads": sum(one["overlapping_reads"] for one in counts),
    }
