"""Effects, which workers ask an executor for, and the channels, counters and groups that workers share.

A worker is a generator that yields effects. An executor carries each one out, sends its value back into the generator,
and decides how long it takes: on a virtual clock, on threads, or on several machines. This module needs no tensors,
threads or clocks, so that a method is written once for all executors.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any, NamedTuple, Protocol


class Layer(Protocol):
    """A part of the network that is updated as a unit: the stem, one residual block, the head.

    name: such as "stage2.0".
    index: position in the forward pass, from 0.
    size: number of trainable parameters.
    """

    @property
    def name(self) -> str: ...
    @property
    def index(self) -> int: ...
    @property
    def size(self) -> int: ...


class Replica(Protocol):
    """A copy of the network on one device.

        for layer in reversed(replica.layers):
            yield Update((yield Backward(layer, step)))

    index: number among the run's replicas, from 0.
    device: number of the device that holds it, from 0. Effects on it by workers of other devices go over the link.
    layers: in the order of the forward pass.
    """

    @property
    def index(self) -> int: ...
    @property
    def device(self) -> int: ...
    @property
    def layers(self) -> Sequence[Layer]: ...


class Step(Protocol):
    """One batch in progress: its ticket, its activations, and the versions of the weights that its passes have read.

    index: the ticket, a number that counts batches over all epochs and devices, from 0.
    """

    @property
    def index(self) -> int: ...


class Gradient(Protocol):
    """The gradient of one layer for one batch, or a pseudo-gradient (`Delta`). Methods only pass it on."""

    @property
    def layer(self) -> Layer: ...


class Weights(Protocol):
    """An immutable copy of some layers' weights, with BatchNorm's running statistics. Methods only pass it on.

    Copies that a method needs beyond the epoch are kept in `team.weights`.
    """

    @property
    def layers(self) -> Sequence[Layer]: ...


class OuterOptimizer(Protocol):
    """The settings of an outer optimizer; `methods.OuterOptions` and `methods.DelayedOptions` offer them as options.

    name: "sgd", "nesterov", "delayed_sgd" or "delayed_nesterov". The delayed ones also have `every` and `activation`.
    lr: the outer learning rate.
    momentum: from 0 to below 1.
    """

    @property
    def name(self) -> str: ...
    @property
    def lr(self) -> float: ...
    @property
    def momentum(self) -> float: ...


class Codec(Protocol):
    """The settings of a gradient compressor; `methods.CodecOptions` offers them as options.

    name: "topk", "sign" or "int8".
    share: fraction of a layer's entries that "topk" keeps, at least one entry.
    """

    @property
    def name(self) -> str: ...
    @property
    def share(self) -> float: ...


class Team(Protocol):
    """A run as its method sees it: the replicas, the progress of training, and what the method keeps over epochs.

        def workers(self, team):
            for replica in team.replicas:
                team.state.setdefault(f"steps of device {replica.device}", 0)
                yield Worker(self.train(team, replica), device=replica.device, role="trainer")

    replicas: as many as `Method.replicas` says, by index; `replica` is the first.
    network: its name, such as "resnet18"; "" if it has none.
    layer_flops: FLOPs of each layer's forward pass for one sample.
    epoch, epochs: the current epoch, from 0, and how many are planned.
    state: JSON-like values by name, such as numbers and lists; the name "executor" is taken. Workers run at the same
        time, so each uses names of its own.
    weights: `Weights` by name, as `Anchor`, `Outer` and `Compress` return them.

    Checkpoints contain `state` and `weights`.
    """

    @property
    def replicas(self) -> Sequence[Replica]: ...
    @property
    def replica(self) -> Replica: ...
    @property
    def network(self) -> str: ...
    @property
    def layer_flops(self) -> Sequence[float]: ...
    @property
    def epoch(self) -> int: ...
    @property
    def epochs(self) -> int: ...
    @property
    def state(self) -> dict[str, Any]: ...
    @property
    def weights(self) -> dict[str, Weights]: ...

    def random(self, worker: str) -> Random:
        """Returns a random generator whose numbers depend only on the seed, the epoch (or its part), and this name.

        They are the same on every executor, after a resume and in a replay, whatever other workers do. A method draws
        random numbers from here only.

            partner = team.random(f"partners of {replica.index}").choice(others)
        """


class LayerVersions(NamedTuple):
    """Two versions of a layer: the one that a step's forward pass read, and the current one.

    A version counts the updates of the layer. For a layer of another replica than the gradient's it also counts the
    updates that its weights had received elsewhere before they were mixed in whole (`Mix` with share 1).
    """

    read: int
    now: int

    @property
    def staleness(self) -> int:
        """Returns how many updates came after the read; 0 if another replica's version is below the one read."""
        return max(0, self.now - self.read)


Scale = float | Callable[[int], float]
"""A factor of an update's learning rate: a number, or a function of its staleness in updates."""


# ---- what workers share ---------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Channel:
    """A first-in, first-out queue between workers.

        losses = Channel(capacity=8, name="losses")
        yield Put(losses, step)            # in one worker
        step = yield Get(losses)           # in another one

    capacity: how many items may wait in it. 0 is a rendezvous (Put waits for its Get), None is unbounded.
    producers: after as many Close effects, and once the channel is empty, Get gives None.
    name: for messages to people.
    """

    capacity: int | None = 0
    producers: int = 1
    name: str = "channel"


class CounterValue(int):
    """A counter's value at one moment. ended: whether all of the counter's producers had closed it by then."""

    ended: bool

    def __new__(cls, value: int, ended: bool) -> CounterValue:
        counter_value = super().__new__(cls, value)
        counter_value.ended = ended
        return counter_value


@dataclass(eq=False)
class Counter:
    """A shared counter (S in arXiv:2203.06638, Algorithm 1): Count increments it, Await waits for a value.

    producers: after as many Close effects it has ended, and Await no longer waits.
    """

    producers: int = 1
    name: str = "counter"
    value: int = field(default=0, init=False)
    closes: int = field(default=0, init=False)

    @property
    def ended(self) -> bool:
        return self.closes >= self.producers

    @property
    def now(self) -> CounterValue:
        return CounterValue(self.value, self.ended)


@dataclass(eq=False)
class Group:
    """The workers that take part in a collective operation (AllReduce, Average), one per member, round by round."""

    members: int
    name: str = "group"


class Late:
    """The type of LATE, the value of a Get whose deadline has passed without an item."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "LATE"


LATE = Late()


# ---- effects --------------------------------------------------------------------------------------------------------


class Effect:
    """The base of all effects. Each class says after "->" which value the executor sends back; without one it is None.

    Treat effects as immutable. They are not frozen, because that would triple the time to create one, and a run creates
    millions.
    """

    __slots__ = ()


@dataclass(slots=True, unsafe_hash=True)
class NextBatch(Effect):
    """Take the replica's next batch of the epoch -> Step, or None at the epoch's end.

    Each replica has an equal share of the epoch's batches. With shared=True the next batch of the epoch goes to
    whichever replica asks first. Within an epoch, either all workers set it or none does.
    """

    replica: Replica
    shared: bool = False


@dataclass(slots=True, unsafe_hash=True)
class Snapshot(Effect):
    """Pin a copy of the layer's current weights to the step: its passes use the copy, whatever updates follow.

    This gives gradients at the weights of the forward pass (arXiv:2203.06638, Algorithm 1a, line 3). If the layer is on
    another device, its weights are sent over the link. The pinned copies go with the step: a server can pin its weights
    to a step and put the step into a worker's channel (methods/asgd.py).
    """

    layer: Layer
    step: Step


@dataclass(slots=True, unsafe_hash=True)
class Forward(Effect):
    """Run the step's forward pass through one layer. Call it for the layers from first to last.

    The layer's input and output are kept for the backward pass, and its version is noted as read.
    """

    layer: Layer
    step: Step


@dataclass(slots=True, unsafe_hash=True)
class Loss(Effect):
    """Compute the task's loss of the network's output, and its gradient, from which the backward pass starts."""

    step: Step


@dataclass(slots=True, unsafe_hash=True)
class Backward(Effect):
    """Run the step's backward pass through one layer -> Gradient, or None if weights=False. Call it from last to first.

    The activations are those of the forward pass. The weights are the current ones (theta^v in arXiv:2410.05985) unless
    `Snapshot` has pinned those of the forward pass (theta^u).

    weights: False skips the gradient of the layer's weights.
    inputs: False skips the gradient of the layer's input, which the layer below needs.
    """

    layer: Layer
    step: Step
    weights: bool = True
    inputs: bool = True


class Update(Effect):
    """Apply gradients by the workload's optimizer, all in one kernel launch.

        yield Update(*gradients)                             # a block update
        yield Update(gradient, scale=lambda s: 1 / (1 + s))  # smaller steps for stale gradients

    gradients: of one layer each. They are sent over the link if the layers are on another device than the worker's.
    replica: whose layers change; None: the layers that the gradients were computed for.
    scale: factor of the learning rate, finite and at least 0. A function gets the layer's staleness, under the layer's
        lock, so that nobody else updates the layer in between.
    """

    __slots__ = ("gradients", "replica", "scale")

    def __init__(self, *gradients: Gradient, replica: Replica | None = None, scale: Scale = 1.0) -> None:
        self.gradients = gradients
        self.replica = replica
        self.scale = scale


class Accumulate(Effect):
    """Combine gradients of one layer, from several steps, workers or replicas -> their mean or sum, as one Gradient.

        means = []
        for gradients_of_layer in zip(*collected):
            means.append((yield Accumulate(*gradients_of_layer)))
        yield Update(*means)                   # one step by several batches

    The result belongs to the first gradient's layer and has the lowest ticket, which decides the learning rate.
    `Update` records the staleness of every part; `Lag` and `scale` see the greatest. The parts must not be used again.
    A single gradient comes back as it is.
    """

    __slots__ = ("gradients", "mean")

    def __init__(self, *gradients: Gradient, mean: bool = True) -> None:
        self.gradients = gradients
        self.mean = mean


@dataclass(slots=True, unsafe_hash=True)
class Compress(Effect):
    """Compress a gradient with error feedback -> (Gradient as its receivers decode it, Weights: the new error).

        name = f"error of {gradient.layer.name} on device {replica.index}"
        gradient, team.weights[name] = yield Compress(gradient, codec, team.weights.get(name))

    sent = codec(gradient + error), new error = gradient + error - sent (arXiv:1809.07599, Algorithm 1). Sending the
    result costs the codec's bytes; an AllReduce of compressed gradients costs an all-gather. The running statistics in
    a `Delta` are sent uncompressed. The gradient given must not be used again.

    error: that of the same layer, None at first.
    """

    gradient: Gradient
    codec: Codec
    error: Weights | None = None


@dataclass(slots=True, unsafe_hash=True)
class Lag(Effect):
    """Ask how stale a gradient is -> LayerVersions of its layer, or of the same layer in another replica. Takes no
    time.

    Other workers may update the layer between this effect and an Update. A scale that must be exact at the update is a
    function (`Update.scale`).
    """

    gradient: Gradient
    replica: Replica | None = None


@dataclass(slots=True, unsafe_hash=True)
class Drop(Effect):
    """Declare that a gradient will not be applied, or that a batch will give none. Takes no time; the run counts it.

    A run fails if an epoch ends with unused batches or gradients that were not declared.
    """

    what: Gradient | Step


@dataclass(slots=True, unsafe_hash=True)
class Put(Effect):
    """Put an item into a channel; waits while the channel is full."""

    channel: Channel
    item: Any


@dataclass(slots=True, unsafe_hash=True)
class Get(Effect):
    """Take the next item from a channel -> the item; None once the channel is closed and empty; LATE after the
    deadline.

        message = yield Get(inbox, deadline=(yield Now()) + 0.5)

    deadline: in seconds of `Now`. An item that arrives exactly then counts. One that is still on the link stays first
    in the channel. A deadline in the past takes what is there, without waiting.
    """

    channel: Channel
    deadline: float | None = None


@dataclass(slots=True, unsafe_hash=True)
class Now(Effect):
    """Ask for the time -> seconds of the executor's clock, over all epochs, without evaluations. Takes no time."""


@dataclass(slots=True, unsafe_hash=True)
class Close(Effect):
    """Declare that one producer of a channel or counter has finished."""

    port: Channel | Counter


@dataclass(slots=True, unsafe_hash=True)
class Count(Effect):
    """Increment a counter -> the value before (read-and-inc in arXiv:2203.06638, Algorithm 1a, line 4)."""

    counter: Counter


@dataclass(slots=True, unsafe_hash=True)
class Await(Effect):
    """Wait until a counter has reached at_least, or has ended -> CounterValue at that moment.

    Read `ended` from the value, since other workers may close the counter in the meantime.
    """

    counter: Counter
    at_least: int


@dataclass(slots=True, unsafe_hash=True)
class AllReduce(Effect):
    """Average one layer's gradient over a group -> the mean, as a Gradient of this replica's layer.

    Every member brings the same layers in the same order. The mean has the lowest ticket of its round, which decides
    the learning rate.
    """

    group: Group
    replica: Replica
    gradient: Gradient


@dataclass(slots=True, unsafe_hash=True)
class Average(Effect):
    """Average the group's replicas while training goes on -> whether all members said `last`; with `later`, a
    Correction.

    It takes a snapshot when it starts and adds (mean of the snapshots - own snapshot) when it ends, so that updates
    made in between are kept (arXiv:2203.06638, Algorithm 1b).

    last: this member's wish to end; the group's averages end once all members have it.
    state: also averages the optimizer's state, such as momentum. All members set it or none does, and each layer must
        have one such state (`momentum=shared`, or one updater). A layer that was never updated counts as a state of 0.
    later: adds nothing now and returns a Correction, which any worker may add at any time (`Correct`).
    weight: of this member in sum(weight x) / sum(weight), above 0; all members give one or none does.
    """

    group: Group
    replica: Replica
    last: bool = False
    state: bool = False
    later: bool = False
    weight: float | None = None


@dataclass(slots=True, frozen=True, eq=False)
class Correction:
    """The result of an average that has yet to be added to a replica: mean - snapshot.

    mean, snapshot: vectors (n,) of the replica's weights; methods never look inside.
    state: whether they contain the optimizer's state.
    last: whether all members said so.
    members: how many replicas were averaged.
    """

    replica: Replica
    mean: Any
    snapshot: Any
    state: bool
    last: bool
    members: int


@dataclass(slots=True, unsafe_hash=True)
class Correct(Effect):
    """Add the Correction of an `Average` with later=True. Takes no time."""

    correction: Correction


@dataclass(slots=True, unsafe_hash=True)
class Anchor(Effect):
    """Copy some layers' current weights -> Weights, which later updates leave unchanged.

    team.weights[name] = yield Anchor(replica, replica.layers)
    """

    replica: Replica
    layers: Sequence[Layer]


@dataclass(slots=True, unsafe_hash=True)
class Delta(Effect):
    """Compute the pseudo-gradients anchor - current weights of a replica -> a list, one Gradient for each anchor layer.

    Put, AllReduce, Accumulate and Compress take them like gradients, Update does not. They belong to no batch: an epoch
    may end with unused ones, and they have no staleness. `Lag` counts the updates since the anchor (of this or another
    replica). With `bn_buffers=averaged` they contain BatchNorm's running statistics. Source: DiLoCo, arXiv:2311.08105.
    """

    anchor: Weights
    replica: Replica


class Outer(Effect):
    """Take one step of an outer optimizer from an anchor, by one pseudo-gradient for each of its layers -> the new
    Weights.

        anchor = yield Outer(anchor, *means, optimizer=self.options.outer)

    The old anchor does not change; the momentum is kept in the new one. Running statistics become those of the
    pseudo-gradients, because the step extrapolates and would make variances negative. Source: arXiv:2311.08105,
    Algorithm 1.

    scale: factor of the pseudo-gradients, finite and at least 0.
    """

    __slots__ = ("anchor", "deltas", "optimizer", "scale")

    def __init__(self, anchor: Weights, *deltas: Gradient, optimizer: OuterOptimizer, scale: float = 1.0) -> None:
        self.anchor = anchor
        self.deltas = deltas
        self.optimizer = optimizer
        self.scale = scale


@dataclass(slots=True, unsafe_hash=True)
class Mix(Effect):
    """Mix weights into the same layers of a replica: live <- (1 - share) live + share weights.

    A Mix counts as an average, not as an update. BatchNorm's running statistics are mixed with `bn_buffers=averaged`.

    share: from 0 to 1. With 1 the layers take over the version of the weights, where an outer step counts as an update.
        So a gradient computed there and applied at the weights' own replica is as stale as these weights are. With a
        smaller share the layers keep their version.
    fresh: also discards the state of the layers' optimizers.
    """

    replica: Replica
    weights: Weights
    share: float
    fresh: bool = False


Program = Generator[Effect, Any, None]


@dataclass(frozen=True, eq=False)
class Worker:
    """One concurrent activity of a method, such as a forward thread or a server.

        Worker(self.forward(team, replica, losses), device=0, role="forward")

    Role, index and device make its name, which must be the same in every epoch, since optimizer state per worker is
    stored under it.

    program: the generator of its effects.
    device: number of the device on which it computes, from 0.
    holds: layers whose weights are on the worker's device instead of their replica's, such as a pipeline stage's.
    outlives_epochs: on the virtual clock it does not wait for the others at an epoch's end, but begins the next epoch
        as soon as it has finished this one. Such a worker may use only what its own device holds, and channels.
    """

    program: Program
    device: int
    role: str
    index: int = 0
    holds: Sequence[Layer] = ()
    outlives_epochs: bool = False

    @cached_property
    def name(self) -> str:
        return f"{self.role} {self.index} on device {self.device}"


# ---- generators for whole passes and steps ---------------------------------------------------------------------------


def forward(replica: Replica, step: Step, *, pin: str = "never") -> Program:
    """Yields the effects of a whole forward pass and the loss.

        yield from forward(replica, step)

    pin: "never", "layer" (pins each layer's weights when the pass reads them) or "start" (pins all before the pass).
    """
    if pin == "start":
        for layer in replica.layers:
            yield Snapshot(layer, step)
    for layer in replica.layers:
        if pin == "layer":
            yield Snapshot(layer, step)
        yield Forward(layer, step)
    yield Loss(step)


def backward(replica: Replica, step: Step) -> Generator[Effect, Any, list[Gradient]]:
    """Yields the effects of a whole backward pass, and returns the gradients, last layer first.

    gradients = yield from backward(replica, step)
    """
    gradients = []
    for layer in reversed(replica.layers):
        gradients.append((yield Backward(layer, step)))
    return gradients


def train(replica: Replica, step: Step, *, pin: str = "never", scale: Scale = 1.0) -> Program:
    """Yields the effects of one SGD step: forward pass, backward pass, and one update of all layers.

        while (step := (yield NextBatch(replica))) is not None:
            yield from train(replica, step)

    pin: as in `forward`. scale: as in `Update`.
    """
    yield from forward(replica, step, pin=pin)
    gradients = yield from backward(replica, step)
    yield Update(*gradients, scale=scale)


def update_by_mean(collected: Sequence[Sequence[Gradient]]) -> Program:
    """Yields the effects of one update by the mean of several gradients, each a list with one entry per layer.

    yield from update_by_mean([gradients_of_one_batch, gradients_of_another])
    """
    means = []
    for gradients_of_layer in zip(*collected, strict=True):
        means.append((yield Accumulate(*gradients_of_layer)))
    yield Update(*means)
