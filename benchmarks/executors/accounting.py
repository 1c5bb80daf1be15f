"""Epoch accounting: objects for batches and gradients, what became of them, and how stale gradients were.

Every team (team.py, numerics/team.py) has an EpochAccounting. It gives out the tickets of batches, counts gradients
that were computed, applied or dropped, sums up staleness, and counts effects over all epochs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, Self, cast

from benchmarks.executors.counts import (
    KeptWeights,
    LayerStaleness,
    Links,
    StalenessSums,
    TeamCounts,
    as_json,
    no_effects,
)
from benchmarks.executors.errors import EpochUnfinished
from methods.effects import Correction, LayerVersions

# ---- moments


class TimedEvent(Protocol):
    """An event on a device with asynchronous launches; its time is known once the device has reached it."""

    def elapsed_time(self, end_event: TimedEvent) -> float:
        """Returns the milliseconds until the other event. Raises RuntimeError until the device has reached both."""


Moment = float | TimedEvent  # seconds of the clock, or an event of a device


# ---- the objects that workers handle

NO_TICKET = -1
"""Ticket of a pseudo-gradient, which belongs to no batch."""


@dataclass(eq=False)
class Layer:
    """One layer of one replica, with the counts of its updates and averages.

    size: number of trainable parameters.
    device: number of the device that holds it.
    offset: what `version` has in addition to `updates`: updates that weights mixed in whole had received elsewhere. It
        is negative if these had fewer.
    """

    name: str
    index: int
    size: int
    device: int
    updates: int = 0
    averages: int = 0
    mutex: AbstractContextManager[object] = field(default_factory=threading.Lock, repr=False)
    offset: int = 0

    @property
    def version(self) -> int:
        """Returns the number of updates that its weights have received, here and in replicas they came from."""
        return self.updates + self.offset

    def mixed(self, version: int, share: float) -> None:
        """Records that weights of this version were mixed in with this share. The caller holds the mutex."""
        self.averages += 1
        if share == 1:
            self.offset = version - self.updates


@dataclass(eq=False)
class Replica:
    """A copy of the network on one device."""

    index: int
    device: int
    layers: Sequence[Layer] = field(default_factory=list, repr=False)


@dataclass(slots=True)
class Read:
    """A read of a layer's weights by a step: the time, and the layer's counts at that time."""

    updates: int
    time: Moment
    averages: int = 0
    offset: int = 0

    def moved(self, layer: Layer) -> bool:
        """Returns whether the layer's weights have changed since."""
        return self.updates != layer.updates or self.averages != layer.averages

    def version(self, *, own: bool) -> int:
        """Returns the version that was read; with `own`, the layer's own updates only."""
        return self.updates if own else self.updates + self.offset


class Step:
    """One batch in progress.

    index: its ticket, counted over all epochs.
    settled: whether it has led to a gradient or was dropped.
    forwarded: whether its forward pass has begun.
    reads: the read of each layer's weights; None before it.
    pinned: indices of the layers whose weights are pinned copies.
    """

    __slots__ = ("__weakref__", "forwarded", "index", "pinned", "reads", "replica", "settled")

    def __init__(self, replica: Replica, index: int) -> None:
        self.replica, self.index, self.settled, self.forwarded = replica, index, False, False
        self.reads: list[Read | None] = [None] * len(replica.layers)
        self.pinned: set[int] = set()

    def read(self, layer: Layer) -> Read:
        """Returns the forward pass's read of the layer. Raises AssertionError before that pass."""
        read = self.reads[layer.index]
        assert read is not None, f"{layer.name} was not read: its forward pass is missing"
        return read


Part = tuple[Read, Moment]
"""One of several accumulated gradients: the read of its weights, and when it was computed."""


@dataclass(slots=True)
class Gradient:
    """The gradient of one layer for one batch, a mean or sum for several batches, or a pseudo-gradient.

    index: the ticket, which decides the learning rate.
    read: of the weights; of an accumulated gradient the stalest one.
    ready: when it was computed; 0 if unknown.
    settled: whether it has been applied, reduced or dropped; always true for pseudo-gradients, which need not be used.
    batches: number of batches; 0 for a pseudo-gradient.
    parts: the gradients that `Accumulate` added up; () for a single one.
    sent_bytes: its bytes when compressed; None: those of its layer's parameters.
    """

    layer: Layer
    index: int
    read: Read
    ready: Moment = 0.0
    settled: bool = field(default=False, init=False)
    batches: int = field(default=1, init=False)
    parts: tuple[Part, ...] = field(default=(), init=False)
    sent_bytes: float | None = field(default=None, init=False)

    @property
    def all_parts(self) -> tuple[Part, ...]:
        """Returns the parts; a single gradient has itself as the only part."""
        return self.parts or ((self.read, self.ready),)

    def lag(self, layer: Layer) -> LayerVersions:
        """Returns the layer's versions at the read and now: own updates, or `version` for another replica's layer."""
        own = layer is self.layer
        return LayerVersions(self.read.version(own=own), layer.updates if own else layer.version)

    @property
    def singles(self) -> int:
        """Returns how many gradients it counts as."""
        return len(self.parts) or 1

    @classmethod
    def pseudo(cls, layer: Layer, version: int, now: Moment) -> Self:
        """Makes a pseudo-gradient of the layer as it is now. version: of the anchor's weights."""
        read = Read(layer.updates, now, layer.averages, version - layer.updates)
        return cls(layer, NO_TICKET, read, now).as_delta()

    def as_delta(self) -> Self:
        """Turns it into a pseudo-gradient, and returns it."""
        self.batches, self.settled = 0, True
        return self


@dataclass(eq=False)
class Weights:
    """A copy of some layers' weights, with the state of an outer optimizer.

    steps: outer steps since the copy.
    copied: the layers' versions at the copy; [] for errors of codecs, and in old checkpoints.
    """

    replica: Replica
    layers: Sequence[Layer]
    steps: int = field(default=0, kw_only=True)
    copied: list[int] = field(default_factory=list, kw_only=True)

    @property
    def versions(self) -> list[int]:
        """Returns each layer's version; an outer step counts as an update."""
        return [version + self.steps for version in self.copied or [0] * len(self.layers)]

    @property
    def sizes(self) -> int:
        """Returns its bytes as a multiple of the layers' bytes: above 1 with an outer optimizer's momentum."""
        return 1

    @property
    def kept(self) -> KeptWeights:
        """Returns the values for a checkpoint, without tensors."""
        return KeptWeights(
            replica=self.replica.index,
            layers=[layer.index for layer in self.layers],
            steps=self.steps,
            copied=self.copied,
        )


class Ticket(NamedTuple):
    """A batch's number in its epoch, and its index among the data's batches; with shards they differ."""

    number: int
    batch: int


# ---- the accounts


class EpochAccounting:
    """Counts the batches, gradients and updates of one team. It may be called from several threads.

    layers: their names.
    replicas: how many. trained: how many of them, from index 0, have equal shares of the batches; None: all.
    steps_per_epoch: batches of an epoch, over all replicas.
    epochs: how many are planned; they count from 0.
    shards: parts of the data, one for each device that asks for batches; 1: every device uses all data.
    """

    def __init__(
        self,
        layers: Sequence[str],
        *,
        replicas: int,
        steps_per_epoch: int,
        epochs: int,
        shards: int = 1,
        trained: int | None = None,
    ) -> None:
        self.trained = replicas if trained is None else trained
        self.replicas, self.steps_per_epoch, self.epochs, self.shards = replicas, steps_per_epoch, epochs, shards
        self.staleness = Staleness(layers)
        self.effects = no_effects(len(layers))
        self.dropped = 0  # gradients, over all epochs
        self.sent: Links | None = {}  # over all epochs; None after resuming a run that did not count them
        self._lock = threading.Lock()
        self.begin_epoch(0)

    def begin_epoch(self, epoch: int) -> None:
        self.epoch = epoch
        self.taken = [0] * self.replicas  # batches, per replica
        self.asked = [0] * self.shards if self.replicas == 1 < self.shards else []  # batches, per device
        self.end = self.steps_per_epoch  # batches before the next drain
        self.part = 0  # batches taken before the current part of the epoch
        self.begun = 0  # batches that led to a gradient or were dropped
        self.unused = 0  # gradients still to be applied, reduced or dropped
        self.staleness.clear()

    def drain_after(self, batches: int) -> None:
        """Ends the current part of the epoch at this batch: no later one is given out, so that the workers end.

        batches: counted from the epoch's beginning; a multiple of the number of trained replicas.
        """
        self.end, self.part = batches, sum(self.taken)

    def end_epoch(self) -> None:
        """Checks, at an epoch's end or another drain, that nothing was left over.

        Raises EpochUnfinished unless all batches were taken and led to gradients, and all gradients were applied or
        dropped.
        """
        if leftovers := list(self._left_over()):
            raise EpochUnfinished(leftovers)

    def _left_over(self) -> Iterator[str]:
        taken = sum(self.taken)
        if taken < self.end:
            idle = [str(q) for q, batches in enumerate(self.taken[: self.trained]) if not batches]
            whose = f" (no worker asked for those of replica {', '.join(idle)})" if taken and idle else ""
            yield f"{self.end - taken} of {self.end} batches were never taken{whose}"
        if self.begun < taken:
            yield f"{taken - self.begun} of {taken} batches led to no gradient"
        if self.unused:
            yield f"{self.unused} gradients were neither applied nor dropped"

    # ---- batches

    def upcoming(self, replica: int, *, shared: bool = False) -> int | None:
        """Returns the number, within the epoch, of the ticket that `take` would give; None if there is none left.

        With Q trained replicas, ticket i belongs to replica i mod Q; with `shared` to whichever asks next. Within an
        epoch all workers ask in the same way. Raises ValueError if the replica has no share.
        """
        if not shared and replica >= self.trained:
            raise ValueError(f"replica {replica} has no share of the batches: {self.trained} replicas are trained")
        ticket = sum(self.taken) if shared else self.taken[replica] * self.trained + replica
        return ticket if ticket < self.end else None

    def take(self, replica: int, *, shared: bool = False, device: int = 0) -> Ticket | None:
        """Takes the next ticket for this replica; None if there is none left.

        device: the asking worker's. Raises ValueError if devices have shards and this one has none.
        """
        with self._lock:
            number = self.upcoming(replica, shared=shared)
            return None if number is None else self._taken(number, replica, device, shared=shared)

    def take_drawn(self, replica: int, number: int) -> Ticket | None:
        """Takes a ticket that was drawn from a counter of several processes; None beyond the last batch."""
        with self._lock:
            return self._taken(number, replica, replica, shared=True) if number < self.end else None

    def _taken(self, number: int, replica: int, device: int, *, shared: bool) -> Ticket:
        """Counts a batch. With shards it is the next one of the device's own, whatever others have taken."""
        batch = number
        if self.shards > 1:
            shard, counts = (replica, self.taken) if self.replicas > 1 else (device, self.asked)
            if shard >= self.shards:
                raise ValueError(f"device {device} asks for a batch, and the data have {self.shards} shards")
            batch = counts[shard] * self.shards + shard
            if counts is self.asked:
                counts[shard] += 1
        self.taken[replica] += 1
        self.effects["shared_batches"] += shared
        return Ticket(number, batch)

    # ---- gradients: one for several replicas counts as applied at the first of them

    def count_gradient(self, step: Step, *, pinned: bool, moved: bool) -> None:
        """Counts a gradient of the step.

        pinned: computed with pinned weights. moved: the weights have changed since the forward pass read them.
        """
        effects = self.effects
        with self._lock:
            self.unused += 1
            if not step.settled:
                step.settled = True
                self.begun += 1
            effects["gradients"] += 1
            effects["pinned"] += pinned
            effects["moved"] += moved

    def count_update(self, gradients: Sequence[Gradient]) -> None:
        """Counts one Update effect and its gradients."""
        effects, updates = self.effects, self.effects["updates"]
        with self._lock:
            for index in {gradient.layer.index for gradient in gradients}:
                updates[index] += 1
            effects["applied"] += len(gradients)
            effects["applied_batches"] += sum([gradient.batches for gradient in gradients])

    def settle(self, gradients: Sequence[Gradient]) -> None:
        """Records that gradients were applied, reduced, or sent to another process. Each counts once."""
        with self._lock:
            for gradient in gradients:
                if not gradient.settled:
                    self.unused -= gradient.singles
                    gradient.settled = True

    def count_received(self, gradient: Gradient) -> None:
        """Counts a gradient from another process, unless it was already applied there."""
        with self._lock:
            self.unused += not gradient.settled

    def count_reduction(self, gradients: Sequence[Gradient], means: Sequence[Gradient]) -> None:
        """Counts an AllReduce: the gradients are used up, and each member has a new one, the mean.

        A group of one returns its own gradient, and nothing is counted.
        """
        if means[0] is not gradients[0]:
            self.settle(gradients)
            with self._lock:
                self.unused += sum(mean.singles for mean in means)

    def count_accumulation(self, gradients: Sequence[Gradient], total: Gradient) -> None:
        """Counts gradients that were combined into `total`, which is settled if all of them were."""
        total.settled = all(gradient.settled for gradient in gradients)
        self.settle(gradients)
        if not total.settled:
            with self._lock:
                self.unused += total.singles

    def note_staleness(self, layer: Layer, gradient: Gradient, version: int, now: Moment) -> None:
        """Records the staleness of each part of a gradient that was applied `now`, at this version of the layer."""
        own = layer is gradient.layer
        for read, ready in gradient.all_parts:
            self.staleness.note(layer.index, max(0, version - read.version(own=own)), read.time, ready, now)

    def drop(self, item: Step | Gradient) -> None:
        """Counts dropped gradients: an accumulated one counts as its parts, a batch as one gradient per layer."""
        gradients = item.singles if isinstance(item, Gradient) else len(item.reads)
        with self._lock:
            if not item.settled:
                item.settled = True
                self.dropped += gradients
                if isinstance(item, Gradient):
                    self.unused -= gradients
                else:
                    self.begun += 1

    def count_average(self, correction: Correction) -> None:
        """Counts an average of a replica with others."""
        if correction.members > 1:
            with self._lock:
                self.effects["averages"] += 1
                self.effects["state_averages"] += correction.state

    def count_sent(self, giver: int, getter: int, size: float) -> None:
        """Counts bytes sent from one device to another."""
        with self._lock:
            if self.sent is not None:
                self.sent[giver, getter] = self.sent.get((giver, getter), 0.0) + size

    @property
    def sent_bytes(self) -> dict[str, float] | None:
        """Returns the bytes of each link by name, such as "0 to 1", in the devices' order; None if not counted."""
        return None if self.sent is None else {f"{a} to {b}": size for (a, b), size in sorted(self.sent.items())}

    def count_mix(self) -> None:
        """Counts a Mix as an average of a replica, if the team has several."""
        if self.replicas > 1:
            with self._lock:
                self.effects["averages"] += 1

    # ---- to resume

    def counts(self, state: Mapping[str, object], weights: Mapping[str, Weights]) -> TeamCounts:
        """Returns a copy of the counters that a resumed run needs. state, weights: the team's.

        Raises ValueError if the state cannot be written as JSON.
        """
        counts = TeamCounts(
            epoch=self.epoch,
            taken=self.taken,
            asked=self.asked,
            begun=self.begun,
            dropped=self.dropped,
            staleness=self.staleness.sums(),
            effects=self.effects,
            state=as_json(state),
            weights={name: copy.kept for name, copy in weights.items()},
            sent_bytes=self.sent_bytes,
        )
        return counts.model_copy(deep=True)

    def check(self, counts: TeamCounts) -> None:
        """Raises ValueError if the counters are of a team with other layers, replicas or epochs."""
        sums, taken = counts.staleness, sum(counts.taken)
        by_layer: list[Sequence[float]] = [sums["count"], sums["updates"], sums["seconds"], sums["wait"]]
        by_layer.append(counts.effects["updates"])
        if not (
            len(counts.taken) == self.replicas
            and len(counts.asked) == len(self.asked)
            and {len(values) for values in by_layer} == {len(self.staleness.layers)}
            and counts.begun <= taken <= self.steps_per_epoch
            and counts.epoch < self.epochs
        ):
            raise ValueError("its counts are of another team")

    def resume(self, counts: TeamCounts) -> None:
        """Sets the counters to a checkpoint's. Raises ValueError as `check` does."""
        self.check(counts)
        counts = counts.model_copy(deep=True)
        self.epoch, self.taken, self.effects = counts.epoch, counts.taken, counts.effects
        self.asked = counts.asked
        self.begun, self.dropped, self.unused = counts.begun, counts.dropped, 0
        self.sent = counts.links
        self.staleness.resume(counts.staleness)


# ---- staleness


class Staleness:
    """Sums up the staleness of applied gradients per layer.

    Seconds are those of the executor's clock, or differences of events on a device with asynchronous launches.
    """

    def __init__(self, layers: Sequence[str]) -> None:
        self.layers = list(layers)
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        n = len(self.layers)
        self.count, self.updates, self.seconds, self.wait = [0] * n, [0] * n, [0.0] * n, [0.0] * n
        self.events: list[tuple[int, Moment, Moment, Moment]] = []  # whose times the device has not reached yet

    def note(self, layer: int, updates: int, read: Moment, ready: Moment, now: Moment) -> None:
        """Adds an applied gradient.

        updates: its staleness.
        read: when its forward pass read the weights.
        ready: when it was computed.
        now: when it was applied.
        """
        with self.lock:
            self.count[layer] += 1
            self.updates[layer] += updates
            if isinstance(now, float):  # inlined, since a simulation without tensors spends most time here
                self.seconds[layer] += now - read  # type: ignore[operator]
                self.wait[layer] += now - ready  # type: ignore[operator]
            else:
                self.events.append((layer, read, ready, now))

    def sums(self) -> StalenessSums:
        """Returns the epoch's sums so far. Raises RuntimeError if the device has not reached all events yet."""
        while self.events:
            layer, *moments, now = self.events[-1]
            seconds, wait = (cast(TimedEvent, moment).elapsed_time(cast(TimedEvent, now)) / 1000 for moment in moments)
            self.seconds[layer] += seconds
            self.wait[layer] += wait
            self.events.pop()
        return {"count": self.count, "updates": self.updates, "seconds": self.seconds, "wait": self.wait}

    def resume(self, sums: StalenessSums) -> None:
        """Continues from a checkpoint's sums."""
        self.events = []
        self.count, self.updates = sums["count"], sums["updates"]
        self.seconds, self.wait = sums["seconds"], sums["wait"]

    def per_layer(self) -> list[LayerStaleness]:
        """Returns the means of each layer. Raises RuntimeError as `sums` does."""
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
        """Returns (updates, seconds, seconds of waiting), averaged over the layers."""
        rows = self.per_layer()
        n = len(rows)
        return (
            sum(row["updates"] for row in rows) / n,
            sum(row["seconds"] for row in rows) / n,
            sum(row["wait_seconds"] for row in rows) / n,
        )
