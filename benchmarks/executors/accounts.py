"""A team without tensors: tickets, versions, staleness, and nothing else.

An executor cannot tell it from the real one (benchmarks.executors.numerics.team.TorchTeam, which adds the tensors). So
the laws of the virtual clock can be tested, and the seconds of an epoch at the paper's scale predicted, without
computing anything.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any

from benchmarks.executors.counting import EffectCounter
from benchmarks.executors.errors import EpochUnfinished
from benchmarks.executors.ledger import Ledger
from benchmarks.executors.resuming import TeamCounts, as_json
from benchmarks.executors.staleness import Moment, Staleness, TimedEvent
from methods.effects import Average, Correction, LayerVersions, Scale


@dataclass(eq=False)
class DryLayer:
    """One layer of one replica, and the counts of what changed it."""

    name: str
    index: int
    size: int  # trainable parameters
    device: int  # where it lives
    updates: int = 0
    averages: int = 0
    mutex: AbstractContextManager[Any] = field(default_factory=threading.Lock, repr=False)


@dataclass(eq=False)
class DryReplica:
    """A copy of the network on one device."""

    index: int
    device: int
    layers: Sequence[Any] = field(default_factory=list, repr=False)


@dataclass(slots=True)
class Read:
    """What a step's forward pass saw of a layer."""

    updates: int
    time: Moment
    averages: int = 0

    def moved(self, layer: DryLayer) -> bool:
        """Whether the layer's weights were changed since then."""
        return self.updates != layer.updates or self.averages != layer.averages


class DryStep:
    """One batch on its way."""

    __slots__ = ("__weakref__", "index", "pinned", "reads", "replica", "settled")

    def __init__(self, replica: Any, index: int) -> None:
        self.replica, self.index, self.settled = replica, index, False
        self.reads: list[Read | None] = [None] * len(replica.layers)
        self.pinned: set[int] | None = None  # layers

    def pins(self, layer: Any) -> bool:
        return self.pinned is not None and layer.index in self.pinned


@dataclass(slots=True)
class DryGradient:
    """The gradient of one layer for one step, or the mean of several `batches`.

    ready: the time its computation ended, 0 where nobody has said.
    """

    layer: Any
    index: int
    read: Read
    ready: Moment = 0.0
    settled: bool = field(default=False, init=False)
    batches: int = field(default=1, init=False)


class DryTeam:
    """The accounts of a team. seed: of the methods' random numbers.

    network: its name. flops: counts those of each layer's forward pass, of one sample; only methods that ask have them
    counted.
    """

    state_copies = 1
    """Tensors of a parameter's size in the optimizer's state: what an average of it sends beside the weights."""

    def __init__(
        self,
        replicas: Sequence[Any],
        *,
        steps_per_epoch: int,
        epochs: int,
        seed: int = 0,
        network: str = "",
        flops: Callable[[], Sequence[float]] | None = None,
    ) -> None:
        self.replicas, self.network, self._flops = list(replicas), network, flops
        self.steps_per_epoch, self.epochs, self.epoch, self.seed = steps_per_epoch, epochs, 0, seed
        self.state: dict[str, Any] = {}
        self.staleness = Staleness([layer.name for layer in self.replica.layers])
        self.ledger = Ledger()
        self.effects = EffectCounter(len(self.replica.layers))
        self._taken, self._shared, self._end = [0] * len(self.replicas), 0, steps_per_epoch
        self._part = 0  # batches taken before the part of the epoch that is under way
        self._tickets = threading.Lock()

    @classmethod
    def of(cls, layers: Iterable[tuple[str, int]], *, replicas: int = 1, steps_per_epoch: int, **more: Any) -> DryTeam:
        """layers: (name, parameters). The steps that replicas do not divide are dropped. more: as the class takes."""
        layers = list(layers)
        team = [
            DryReplica(q, q, [DryLayer(name, i, n, q) for i, (name, n) in enumerate(layers)]) for q in range(replicas)
        ]
        return cls(team, steps_per_epoch=steps_per_epoch // replicas * replicas, epochs=1, **more)

    @property
    def replica(self) -> Any:
        return self.replicas[0]

    @cached_property
    def layer_flops(self) -> Sequence[float]:
        """FLOPs of each layer's forward pass of one sample; 2 a parameter where nobody counts them."""
        return self._flops() if self._flops else [2.0 * layer.size for layer in self.replica.layers]

    @property
    def taken(self) -> int:
        """Batches of the epoch, so far."""
        return self._shared

    @property
    def end(self) -> int:
        """Batches of the epoch that are given out before the next drain."""
        return self._end

    def begin_epoch(self, epoch: int) -> None:
        self.epoch, self._taken, self._shared, self._end = epoch, [0] * len(self.replicas), 0, self.steps_per_epoch
        self._part = 0
        self.staleness.clear()
        self.ledger.clear()

    def drain_after(self, batches: int) -> None:
        """The epoch's batches up to this one are given out, then none: the workers end, whatever they have in flight.

        batches: counted from the epoch's begin; a multiple of the replicas, since these have equal shares.
        """
        self._end, self._part = batches, self._shared

    def end_epoch(self) -> None:
        """At a drain, too, all was to be used up that was given out.

        Raises EpochUnfinished unless all batches were taken, and all gradients applied or declared dropped.
        """
        if left := list(self.ledger.open_items(self._end, self._shared)):
            raise EpochUnfinished(left)

    def counts(self) -> TeamCounts:
        """What a run that resumes at this drain has to know."""
        kept = TeamCounts(
            epoch=self.epoch,
            taken=self._taken,
            begun=self.ledger.begun,
            dropped=self.ledger.dropped,
            staleness=self.staleness.sums(),
            effects=self.effects.counts,
            state=as_json(self.state),
        )
        return kept.model_copy(deep=True)

    def check(self, counts: TeamCounts) -> None:
        """Raises ValueError where they are no counts of such a team."""
        sums, taken = counts.staleness, sum(counts.taken)
        lengths = {len(sums["count"]), len(sums["updates"]), len(sums["seconds"]), len(sums["wait"])}
        lengths.add(len(counts.effects["updates"]))
        fits = len(counts.taken) == len(self.replicas) and lengths == {len(self.staleness.layers)}
        if not fits or taken > self.steps_per_epoch or counts.begun > taken or counts.epoch >= self.epochs:
            raise ValueError("its counts are of another team")

    def resume(self, counts: TeamCounts) -> None:
        """Go on from there. Raises ValueError where they are no counts of such a team."""
        self.check(counts)
        counts = counts.model_copy(deep=True)
        self.epoch, self._taken, self._shared = counts.epoch, counts.taken, sum(counts.taken)
        self.staleness.resume(counts.staleness)
        self.ledger.clear()
        self.ledger.begun, self.ledger.dropped = counts.begun, counts.dropped
        self.effects.counts = counts.effects
        self.state = dict(counts.state)

    def random(self, worker: str) -> Random:
        """As methods.Team has it."""
        return Random(f"seed {self.seed}, epoch {self.epoch}, batch {self._part}, {worker}")

    def executor_state(self, what: str) -> dict[str, Any]:
        """What an executor keeps over epochs: JSON-like, apart from the methods' keys of `state`."""
        kept: dict[str, Any] = self.state.setdefault("executor", {}).setdefault(what, {})
        return kept

    device_lags = False  # behind the host, which launches and goes on

    def keep_pace(self) -> None:
        """Called when a worker takes a batch, also from a channel: where a device runs behind, wait for it."""

    def device_time(self) -> TimedEvent | None:
        """The moment at which the device gets here, where it runs behind the host."""
        return None

    # ---- effects; `now` is the executor's clock, at the effect's start for what reads, at its end for what writes

    def next_batch(self, replica: Any, shared: bool = False) -> Any:
        """Ticket i of an epoch belongs to replica i mod Q: equal shares, dynamic among one replica's workers.

        shared: to whoever asks for it. All who ask in an epoch ask alike.
        """
        with self._tickets:
            i = self.upcoming(replica, shared)
            if i is None:
                return None
            self._note_taken(replica)
        if shared:
            self.effects.took_shared()
        return self.make_step(replica, i)

    def take(self, replica: Any, i: int) -> Any:
        """The shared ticket i, which this replica drew where processes draw from one counter; None beyond the last."""
        if i >= self._end:
            return None
        with self._tickets:
            self._note_taken(replica)
        self.effects.took_shared()
        return self.make_step(replica, i)

    def _note_taken(self, replica: Any) -> None:
        self._taken[replica.index] += 1
        self._shared += 1

    def upcoming(self, replica: Any, shared: bool = False) -> int | None:
        """The ticket, within the epoch, that `next_batch` gives next."""
        i: int = self._shared if shared else self._taken[replica.index] * len(self.replicas) + replica.index
        return i if i < self._end else None

    def make_step(self, replica: Any, i: int) -> Any:
        return DryStep(replica, self.epoch * self.steps_per_epoch + i)

    def note_read(self, layer: Any, step: Any, now: Any) -> None:
        step.reads[layer.index] = Read(layer.updates, now, layer.averages)

    def snapshot(self, layer: Any, step: Any, now: float) -> None:
        step.pinned = {layer.index} if step.pinned is None else step.pinned | {layer.index}
        self.note_read(layer, step, now)

    def forward(self, layer: Any, step: Any, now: float) -> None:
        if step.reads[layer.index] is None:  # else a snapshot has read the weights before
            self.note_read(layer, step, now)

    def loss(self, step: Any) -> None:
        pass

    def backward(self, layer: Any, step: Any, *, weights: bool, inputs: bool) -> Any:
        if not weights:
            return None
        self.note_gradient(layer, step, moved=not step.pins(layer) and step.reads[layer.index].moved(layer))
        return DryGradient(layer, step.index, step.reads[layer.index])

    def note_gradient(self, layer: Any, step: Any, *, moved: bool) -> None:
        """Count a gradient of the step. moved: the layer's weights are no longer those of the forward pass."""
        self.ledger.made(step)
        self.effects.computed(pinned=step.pins(layer), moved=moved)

    def update(
        self, gradients: Sequence[Any], worker: str, now: float, replica: Any = None, scale: Scale = 1.0
    ) -> None:
        """replica: whose layers change, by default the gradients' own. Counted as an update by who has the effect.

        A gradient from another replica is at least as stale as the versions differ, since both apply the same ones.
        Raises ValueError where the scale comes to no finite number of at least 0.
        """
        self.ledger.applied(gradients)
        for gradient in gradients:
            self.update_layer(target(gradient, replica), gradient, worker, now, scale)

    def update_layer(self, layer: Any, gradient: Any, worker: str, now: float, scale: Scale) -> None:
        """One of them."""
        with layer.mutex:
            behind = layer.updates - gradient.read.updates
            behind = behind if behind > 0 else 0  # LayerVersions.staleness
            self.apply(layer, gradient, worker, 1.0 if scale == 1.0 else factor(scale, behind))
            layer.updates += 1
            at = self.device_time() or now
        self.staleness.note(layer.index, behind, gradient.read.time, gradient.ready, at)

    def lag(self, gradient: Any, replica: Any = None) -> LayerVersions:
        """Of the gradient's layer, or of the same layer of another replica."""
        return versions(target(gradient, replica), gradient)

    def drop(self, what: Any) -> None:
        """A gradient, or a batch whose layers then have none."""
        if isinstance(what, DryStep):
            self.ledger.drop_batch(what, len(what.replica.layers))
        else:
            self.ledger.drop(what)

    def apply(self, layer: Any, gradient: Any, worker: str, scale: float) -> None:
        """Change the layer's weights, the learning rate times scale; its mutex is held."""

    # ---- collectives: pure functions of what the members brought, in the order of the replicas

    def all_reduce(self, gradients: Sequence[Any]) -> list[Any]:
        """-> each member's mean."""
        batches = sum(gradient.batches for gradient in gradients)
        means = self.mean_gradients(gradients)
        for mean in means:
            mean.batches = batches
        self.ledger.reduced(gradients, means)
        return means

    def mean_gradients(self, gradients: Sequence[Any]) -> list[Any]:
        return list(gradients)

    def flat(self, replica: Any, *, state: bool = False) -> Any:
        """state: the optimizer's as well."""
        return None

    def mean_flat(self, vectors: Sequence[Any]) -> Any:
        return None

    def averaged(self, effect: Average, mean: Any, snapshot: Any, last: bool) -> Any:
        """Add what the average comes to, unless that is to be later -> what the effect gives."""
        correction = Correction(effect.replica, mean, snapshot, effect.state, last, effect.group.members)
        if effect.later:
            return correction
        self.correct(correction)
        return last

    def correct(self, correction: Correction) -> None:
        c = correction
        self.effects.averaged(c)
        self.add_mean(c.replica, c.mean, c.snapshot, state=c.state)

    def add_mean(self, replica: Any, mean: Any, snapshot: Any, *, state: bool = False) -> None:
        for layer in replica.layers:
            layer.averages += 1


def target(gradient: Any, replica: Any) -> Any:
    """The layer that an update by the gradient changes: its own, or the replica's where one is given."""
    return gradient.layer if replica is None else replica.layers[gradient.layer.index]


def versions(layer: Any, gradient: Any) -> LayerVersions:
    """The layer's: which the gradient's forward pass read, and now."""
    return LayerVersions(gradient.read.updates, layer.updates)


def factor(scale: Scale, staleness: int) -> float:
    """Raises ValueError where it is no finite number of at least 0."""
    found = scale(staleness) if callable(scale) else scale
    if not (math.isfinite(found) and found >= 0):
        raise ValueError(f"an update's scale is a finite number of at least 0; {found} came for staleness {staleness}")
    return found
