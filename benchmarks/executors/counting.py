"""Counts of what a run's workers asked for and got, taken by executors; comparisons are audited by them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any, cast

from typing_extensions import TypedDict


class EffectCounts(TypedDict):
    """Over all epochs and replicas so far. A gradient is of one layer.

    updates: per layer, how often `Update` changed it, whatever the number of gradients at once; applied: these
    gradients; applied_batches: the batches that they are of, which are several where gradients were reduced.
    """

    shared_batches: int  # taken by whoever asked for the next one
    gradients: int
    pinned: int  # gradients at weights that were pinned
    moved: int  # gradients at the replica's weights, which were no more those that the forward pass had read
    updates: list[int]
    applied: int
    applied_batches: int
    averages: int  # of replicas, each counted
    state_averages: int  # those that took the optimizer's state along


def no_effects(layers: int) -> EffectCounts:
    """Before the first."""
    return {
        "shared_batches": 0,
        "gradients": 0,
        "pinned": 0,
        "moved": 0,
        "updates": [0] * layers,
        "applied": 0,
        "applied_batches": 0,
        "averages": 0,
        "state_averages": 0,
    }


def added(counts: Sequence[EffectCounts]) -> EffectCounts:
    """Add up the counts of several processes."""
    every: Sequence[Any] = counts
    updates = [sum(same) for same in zip(*(one["updates"] for one in every), strict=True)]
    total: Any = {name: sum(one[name] for one in every) for name in every[0] if name != "updates"}
    return cast(EffectCounts, {**total, "updates": updates})


class EffectCounter:
    """Several workers may count at once."""

    def __init__(self, layers: int) -> None:
        self._lock = threading.Lock()
        self.counts = no_effects(layers)

    def took_shared(self) -> None:
        with self._lock:
            self.counts["shared_batches"] += 1

    def computed(self, *, pinned: bool, moved: bool) -> None:
        """A gradient."""
        with self._lock:
            self.counts["gradients"] += 1
            self.counts["pinned"] += pinned
            self.counts["moved"] += moved

    def updated(self, gradients: Iterable[Any]) -> None:
        """All of one `Update`."""
        counts, changed = self.counts, set()
        with self._lock:
            for gradient in gradients:
                changed.add(gradient.layer.index)
                counts["applied"] += 1
                counts["applied_batches"] += gradient.batches
            for index in changed:
                counts["updates"][index] += 1

    def averaged(self, correction: Any) -> None:
        """A replica became the mean of several, by a `methods.effects.Correction`."""
        if correction.members > 1:
            with self._lock:
                self.counts["averages"] += 1
                self.counts["state_averages"] += correction.state


def counted_effects(team: Any) -> dict[str, Any]:
    """The counts as a journal's last line has them, with dropped gradients and the number of changed replicas."""
    changed = sum(any(layer.updates or layer.averages for layer in replica.layers) for replica in team.replicas)
    return {**team.effects.counts, "dropped": team.ledger.dropped, "replicas": changed}
