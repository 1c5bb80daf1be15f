"""The team that methods and executors work on: replicas, counters, and what each effect does to them.

`Team` has no tensors and only counts, so that the virtual clock's laws can be tested, and the seconds of an epoch at
the paper's scale predicted, without computing gradients. TorchTeam (numerics/team.py) adds the tensors; executors use
both in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from random import Random
from typing import Never, TypeVar

from pydantic import JsonValue

from benchmarks.executors.accounting import (
    EpochAccounting,
    Gradient,
    Layer,
    Moment,
    Read,
    Replica,
    Step,
    Ticket,
    Weights,
)
from benchmarks.executors.counts import CountedEffects, KeptWeights, TeamCounts
from benchmarks.hardware.price import Sizes, encoded_bytes
from methods import effects as e

T = TypeVar("T")


def checked(kind: type[T], value: object) -> T:
    """Returns the value, typed as `kind`. Raises TypeError if it is of another class.

    Methods refer to layers, steps and gradients by protocols (methods/effects.py); a team needs its own classes.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__} of this team")
    return value


class Team:
    """The replicas of one run, its counters, and the implementation of every effect on them.

    replicas: at least one, in the order of their indices.
    steps_per_epoch: batches of an epoch, over all replicas.
    seed: of the methods' random numbers.
    network: its name.
    flops: returns each layer's forward FLOPs per sample; called only if a method asks.
    shards: number of parts of the data, one for each device that asks for batches; 1: every device uses all data.
    trained: how many replicas have equal shares of the batches; None: all.

    Methods with a parameter `now` get the executor's clock in seconds: at an effect's start if it reads, at its end if
    it writes. `sizes` has the bytes of messages where no hardware card gives them.
    """

    replicas: Sequence[Replica]
    replica: Replica
    device_lags = False
    """True if the device works asynchronously, behind the host that launches its kernels."""

    def __init__(
        self,
        replicas: Sequence[Replica],
        *,
        steps_per_epoch: int,
        epochs: int,
        seed: int = 0,
        network: str = "",
        flops: Callable[[], Sequence[float]] | None = None,
        shards: int = 1,
        trained: int | None = None,
    ) -> None:
        self.replicas, self.replica = replicas, replicas[0]
        self.seed, self.network, self._flops = seed, network, flops
        self.state: dict[str, JsonValue] = {}
        self.weights: dict[str, e.Weights] = {}
        self.sizes = Sizes([4.0 * layer.size for layer in self.replica.layers])
        self.accounts = EpochAccounting(
            [layer.name for layer in self.replica.layers],
            replicas=len(replicas),
            steps_per_epoch=steps_per_epoch,
            epochs=epochs,
            shards=shards,
            trained=trained,
        )

    # ---- what methods see (methods.Team)

    @cached_property
    def layer_flops(self) -> Sequence[float]:
        """Each layer's forward FLOPs per sample; 2 per parameter if the team was made without `flops`."""
        return self._flops() if self._flops else [2.0 * layer.size for layer in self.replica.layers]

    @property
    def epoch(self) -> int:
        return self.accounts.epoch

    @property
    def epochs(self) -> int:
        return self.accounts.epochs

    @property
    def steps_per_epoch(self) -> int:
        return self.accounts.steps_per_epoch

    def random(self, worker: str) -> Random:
        """Returns a random generator for a worker, as methods.Team describes."""
        return Random(f"seed {self.seed}, epoch {self.epoch}, batch {self.accounts.part}, {worker}")

    # ---- epochs

    def begin_epoch(self, epoch: int) -> None:
        self.accounts.begin_epoch(epoch)

    def counts(self) -> TeamCounts:
        """Returns the counters that a resumed run needs."""
        weights = {name: checked(Weights, copy) for name, copy in self.weights.items()}
        return self.accounts.counts(self.state, weights)

    def resume(self, counts: TeamCounts) -> None:
        """Sets the counters to a checkpoint's. Raises ValueError if they do not fit this team."""
        self.accounts.resume(counts)
        self.state = dict(counts.model_copy(deep=True).state)
        self.expect(counts.weights)

    def expect(self, kept: Mapping[str, KeptWeights]) -> None:
        """Makes `weights` contain exactly these names, before a checkpoint's tensors are loaded into them.

        Existing copies are kept where they match; others are created. Raises ValueError for a replica or layer that the
        team does not have.
        """
        before, self.weights = self.weights, {}
        for name, values in kept.items():
            if values.replica >= len(self.replicas) or max(values.layers, default=0) >= len(self.replica.layers):
                raise ValueError(f"its weights '{name}' are of another team")
            replica, copy = self.replicas[values.replica], before.get(name)
            if not (isinstance(copy, Weights) and copy.kept == values):
                layers = [replica.layers[i] for i in values.layers]
                copy = Weights(replica, layers, steps=values.steps, copied=values.copied)
            self.weights[name] = copy

    def counted_effects(self) -> CountedEffects:
        """Returns the counts for a journal's last line, with dropped gradients, updated replicas and sent bytes."""
        return {
            **self.accounts.effects,
            "dropped": self.accounts.dropped,
            "replicas": sum(any(layer.updates for layer in replica.layers) for replica in self.replicas),
            "sent_bytes": self.accounts.sent_bytes,
        }

    def keep_pace(self) -> None:
        """Blocks, before a worker starts on a batch, until a device with asynchronous launches has nearly caught up."""

    # ---- batches

    def next_batch(self, replica: e.Replica, shared: bool = False, device: int = 0) -> Step | None:
        """Returns the next batch, or None at the end. device: the asking worker's, whose shard of the data is used."""
        ticket = self.accounts.take(replica.index, shared=shared, device=device)
        return None if ticket is None else self.make_step(replica, ticket)

    def take(self, replica: e.Replica, number: int) -> Step | None:
        """Returns the batch of a ticket drawn from a counter of several processes; None beyond the last."""
        ticket = self.accounts.take_drawn(replica.index, number)
        return None if ticket is None else self.make_step(replica, ticket)

    def make_step(self, replica: e.Replica, ticket: Ticket) -> Step:
        """Returns the batch of this ticket."""
        return Step(self.replicas[replica.index], self.epoch * self.steps_per_epoch + ticket.number)

    def note_read(self, layer: Layer, step: Step, now: Moment) -> None:
        step.reads[layer.index] = Read(layer.updates, now, layer.averages, layer.offset)

    def snapshot(self, layer: e.Layer, step: e.Step, now: float) -> None:
        layer, step = checked(Layer, layer), checked(Step, step)
        step.pinned.add(layer.index)
        self.note_read(layer, step, now)

    def forward(self, layer: e.Layer, step: e.Step, now: float) -> None:
        layer, step = checked(Layer, layer), checked(Step, step)
        step.forwarded = True
        if step.reads[layer.index] is None:  # else a snapshot has read the weights before
            self.note_read(layer, step, now)

    def loss(self, step: e.Step) -> None: ...

    def backward(self, layer: e.Layer, step: e.Step, *, weights: bool, inputs: bool) -> Gradient | None:
        if not weights:
            return None
        layer, step = checked(Layer, layer), checked(Step, step)
        read, pinned = step.read(layer), layer.index in step.pinned
        self.accounts.count_gradient(step, pinned=pinned, moved=not pinned and read.moved(layer))
        return Gradient(layer, step.index, read)

    # ---- gradients

    def update(
        self,
        gradients: Sequence[e.Gradient],
        worker: str,
        now: float,
        replica: e.Replica | None = None,
        scale: e.Scale = 1.0,
    ) -> None:
        """Carries out an `Update` effect.

        worker: its name, under which per-worker optimizer state is kept.
        replica: whose layers change; None: the gradients' own.

        The staleness of a gradient from another replica is the difference of the versions, at least 0: a lower bound,
        since the two replicas may have had different updates. Raises ValueError for a pseudo-gradient and an invalid
        scale.
        """
        self.begin_update(gradients)
        self.apply_gradients(gradients, worker, now, replica, scale)

    def begin_update(self, gradients: Sequence[e.Gradient]) -> None:
        """Counts an `Update` before its gradients are applied. Raises ValueError for a pseudo-gradient."""
        records = [checked(Gradient, gradient) for gradient in gradients]
        if not all(gradient.batches for gradient in records):
            raise ValueError("Update takes gradients of batches; a pseudo-gradient (Delta) is for Outer")
        self.accounts.count_update(records)

    def apply_gradients(
        self,
        gradients: Sequence[e.Gradient],
        worker: str,
        now: float,
        replica: e.Replica | None = None,
        scale: e.Scale = 1.0,
    ) -> None:
        """Applies gradients of an `Update` that `begin_update` has counted; a replay does so one by one."""
        records = [checked(Gradient, gradient) for gradient in gradients]
        self.accounts.settle(records)
        for gradient in records:
            self.update_layer(target(gradient, replica), gradient, worker, now, scale)

    def update_layer(self, layer: Layer, gradient: Gradient, worker: str, now: float, scale: e.Scale) -> None:
        """Applies one gradient to a layer, and records its staleness."""
        with layer.mutex:
            lag = gradient.lag(layer)
            self.apply(layer, gradient, 1.0 if scale == 1.0 else factor(scale, lag.staleness))
            layer.updates += 1
        self.accounts.note_staleness(layer, gradient, lag.now, now)

    def apply(self, layer: Layer, gradient: Gradient, scale: float) -> None:
        """Changes the layer's weights in subclasses that have any. scale: factor of the learning rate."""

    def lag(self, gradient: e.Gradient, replica: e.Replica | None = None) -> e.LayerVersions:
        """Returns the gradient's LayerVersions, of its own layer or of the same layer in `replica`."""
        record = checked(Gradient, gradient)
        return record.lag(target(record, replica))

    def accumulate(self, gradients: Sequence[e.Gradient], *, mean: bool) -> Gradient:
        """Returns the mean or sum of gradients as one.

        Raises ValueError unless all are of one layer, and all of batches or all pseudo-gradients. The sum of
        pseudo-gradients is refused, since their running statistics cannot be added up.
        """
        records = [checked(Gradient, gradient) for gradient in gradients]
        if len({record.layer.index for record in records}) != 1:
            layers = " and ".join(dict.fromkeys(record.layer.name for record in records)) or "none"
            raise ValueError(f"Accumulate takes gradients of one layer, and was given those of {layers}")
        check_one_kind("Accumulate", records)
        if not (mean or records[0].batches):
            raise ValueError("Accumulate gives pseudo-gradients' mean (mean=True), and not their sum")
        if len(records) == 1:
            return records[0]
        total = self.add_up(records, mean=mean)
        total.index = min(record.index for record in records)
        total.read = min((record.read for record in records), key=lambda read: read.version(own=False))
        total.parts = tuple(part for record in records for part in record.all_parts)
        total.batches = sum(record.batches for record in records)
        self.accounts.count_accumulation(records, total)
        return total

    def add_up(self, gradients: Sequence[Gradient], *, mean: bool) -> Gradient:
        """Returns the mean or sum of gradients of one layer, as a new gradient of the first one's replica."""
        return replace(gradients[0])

    def compress(self, effect: e.Compress, sizes: Sizes) -> tuple[Gradient, Weights]:
        """Returns the compressed gradient and the new error. sizes: bytes per layer, by which the message is charged.

        Raises ValueError if the error given is of another layer.
        """
        gradient = checked(Gradient, effect.gradient)
        error = None if effect.error is None else checked(Weights, effect.error)
        if error is not None and [layer.index for layer in error.layers] != [gradient.layer.index]:
            layers = " and ".join(layer.name for layer in error.layers)
            raise ValueError(f"Compress takes the error of {gradient.layer.name}, and was given that of {layers}")
        sent, new_error = self.encode(gradient, effect.codec, error)
        sent.batches, sent.parts = gradient.batches, gradient.parts
        sent.sent_bytes = encoded_bytes(effect.codec, sizes.layers[gradient.layer.index])
        self.accounts.count_accumulation([gradient], sent)
        return sent, new_error

    def encode(self, gradient: Gradient, codec: e.Codec, error: Weights | None) -> tuple[Gradient, Weights]:
        """Returns the gradient as its receivers decode it, and the new error; both are new objects."""
        return replace(gradient), Weights(self.replicas[gradient.layer.device], [gradient.layer])

    def drop(self, item: e.Gradient | e.Step) -> None:
        """Counts a dropped gradient, or a dropped batch with one gradient per layer."""
        self.accounts.drop(item if isinstance(item, Step) else checked(Gradient, item))

    # ---- collectives: pure functions of the members' contributions, in the order of the replicas

    def all_reduce(self, gradients: Sequence[e.Gradient]) -> Sequence[Gradient]:
        """Returns the mean of all members' gradients, once for each member, in the order of the replicas."""
        records = [checked(Gradient, gradient) for gradient in gradients]
        check_one_kind("AllReduce", records)
        batches = sum(gradient.batches for gradient in records)
        means = self.mean_gradients(records)
        for mean, record in zip(means, records, strict=True):
            mean.batches, mean.parts = batches, record.parts
            mean.sent_bytes = mean.sent_bytes if len(records) == 1 else None  # the mean of several is dense
        if batches:
            self.accounts.count_reduction(records, means)
        else:
            means = [mean.as_delta() for mean in means]
        return means

    def mean_gradients(self, gradients: Sequence[Gradient]) -> Sequence[Gradient]:
        return list(gradients)

    @property
    def state_copies(self) -> int:
        """Number of optimizer state tensors per parameter, which an average with state=True sends in addition."""
        return 1

    def flat(self, replica: e.Replica, *, state: bool = False) -> object:
        """Returns the replica's weights as one vector (n,). state: also the optimizer's state."""
        return None

    def mean_flat(self, vectors: Sequence[object]) -> object:
        """Returns the mean (n,) of vectors (n,)."""
        return None

    def weighed(self, effect: e.Average, snapshot: object) -> object:
        """Returns a member's contribution to the mean: its snapshot; with a weight w: w times it, followed by w."""
        return snapshot

    def unweighed(self, effect: e.Average, mean: object) -> object:
        """Returns the weighted mean of the snapshots from the mean of the contributions."""
        return mean

    def finish_average(self, effect: e.Average, mean: object, snapshot: object, last: bool) -> bool | e.Correction:
        """Adds mean - snapshot to the replica and returns `last`; with `later` returns that Correction instead."""
        correction = self.correction(effect, mean, snapshot, last)
        if effect.later:
            return correction
        self.correct(correction)
        return last

    def correction(self, effect: e.Average, mean: object, snapshot: object, last: bool) -> e.Correction:
        """Returns the Correction of an average. mean: of the members' contributions."""
        mean = self.unweighed(effect, mean)
        return e.Correction(effect.replica, mean, snapshot, effect.state, last, effect.group.members)

    def correct(self, correction: e.Correction) -> None:
        """Adds the correction, mean - snapshot, to its replica."""
        self.accounts.count_average(correction)
        self.add_mean(correction.replica, correction.mean, correction.snapshot, state=correction.state)

    def add_mean(self, replica: e.Replica, mean: object, snapshot: object, *, state: bool = False) -> None:
        for layer in replica.layers:
            checked(Layer, layer).averages += 1

    # ---- weights as messages

    def anchor(self, replica: e.Replica, layers: Sequence[e.Layer]) -> Weights:
        """Returns a copy of the layers' weights."""
        records = [checked(Layer, layer) for layer in layers]
        return Weights(self.replicas[replica.index], records, copied=[layer.version for layer in records])

    def delta(self, anchor: e.Weights, replica: e.Replica, now: float) -> Sequence[Gradient]:
        """Returns anchor - the replica's weights, as one pseudo-gradient for each layer of the anchor."""
        layers = [checked(Layer, replica.layers[layer.index]) for layer in anchor.layers]
        versions = checked(Weights, anchor).versions
        return [Gradient.pseudo(layer, version, now) for layer, version in zip(layers, versions, strict=True)]

    def outer(self, effect: e.Outer) -> Weights:
        """Returns the anchor after a step of the outer optimizer.

        Raises ValueError unless there is one pseudo-gradient for each of its layers, and for an invalid scale.
        """
        anchor = checked(Weights, effect.anchor)
        deltas = {delta.layer.index: checked(Gradient, delta) for delta in effect.deltas}
        layers = [layer.index for layer in anchor.layers]
        if sorted(layers) != sorted(delta.layer.index for delta in effect.deltas) or any(
            delta.batches for delta in deltas.values()
        ):
            raise ValueError(f"Outer takes one pseudo-gradient (Delta) for each of the anchor's {len(layers)} layers")
        return self.step_outer(anchor, [deltas[index] for index in layers], effect.optimizer, factor(effect.scale, 0))

    def step_outer(
        self, anchor: Weights, deltas: Sequence[Gradient], optimizer: e.OuterOptimizer, scale: float
    ) -> Weights:
        """Returns the anchor after a step. deltas: one per layer, in the anchor's order. scale: their factor."""
        return replace(anchor, steps=anchor.steps + 1)

    def mix(self, effect: e.Mix) -> None:
        """Carries out a `Mix` effect. Raises ValueError unless its share is from 0 to 1."""
        self.begin_mix(effect)
        self.mix_in(effect)

    def begin_mix(self, effect: e.Mix) -> None:
        """Counts a `Mix`. Raises ValueError unless its share is from 0 to 1."""
        if not 0 <= effect.share <= 1:
            raise ValueError(f"Mix takes a share from 0 to 1, not {effect.share}")
        self.accounts.count_mix()

    def mix_in(self, effect: e.Mix) -> None:
        """Mixes the weights into the replica's layers."""
        weights = checked(Weights, effect.weights)
        for layer, version in zip(weights.layers, weights.versions, strict=True):
            checked(Layer, effect.replica.layers[layer.index]).mixed(version, effect.share)


class SimulatedTeam(Team):
    """A team without tensors, made from the names and sizes of layers."""

    @classmethod
    def of(
        cls,
        layers: Iterable[tuple[str, int]],
        *,
        replicas: int = 1,
        trained: int | None = None,
        steps_per_epoch: int,
        network: str = "",
        flops: Callable[[], Sequence[float]] | None = None,
    ) -> SimulatedTeam:
        """Makes a team for one epoch.

        layers: (name, number of parameters) of each.
        trained: how many replicas train on batches; None: all. Batches beyond a multiple of this number are left out.
        """
        sizes = list(layers)
        copies = [Replica(q, q, [Layer(name, i, n, q) for i, (name, n) in enumerate(sizes)]) for q in range(replicas)]
        steps = steps_per_epoch // (trained or replicas) * (trained or replicas)
        return cls(copies, steps_per_epoch=steps, epochs=1, network=network, flops=flops)


def untimed_handlers(team: Team) -> dict[type[e.Effect], Callable[[object, Never], object]]:
    """Returns handlers of the effects that take no time and never wait."""
    return {
        e.Lag: lambda worker, effect: team.lag(effect.gradient, effect.replica),
        e.Drop: lambda worker, effect: team.drop(effect.what),
        e.Correct: lambda worker, effect: team.correct(effect.correction),
    }


def check_one_kind(effect: str, gradients: Sequence[Gradient]) -> None:
    """Raises ValueError for gradients of batches and pseudo-gradients together. effect: its name, for the message."""
    if len({bool(gradient.batches) for gradient in gradients}) > 1:
        raise ValueError(f"{effect} takes gradients of batches, or pseudo-gradients (Delta), and not both")


def target(gradient: Gradient, replica: e.Replica | None) -> Layer:
    """Returns the layer that an update by the gradient changes: its own, or the same layer of `replica`."""
    return gradient.layer if replica is None else checked(Layer, replica.layers[gradient.layer.index])


def factor(scale: e.Scale, staleness: int) -> float:
    """Returns the scale as a number. Raises ValueError if it is not finite or below 0."""
    value = scale(staleness) if callable(scale) else scale
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"an update's scale is a finite number of at least 0, not {value} (staleness {staleness})")
    return value
