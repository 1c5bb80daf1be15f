"""Effects, which workers ask for, and the things that workers hold.

A worker is a generator that yields effects; an executor carries them out and decides what time means. Nothing here
knows tensors, threads or clocks: a method is written once and runs on a virtual clock, on threads, on many machines.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any, NamedTuple, Protocol


class Layer(Protocol):
    """A part of the network that is updated as a unit: the stem, one residual block, the head.

    index: its place in the forward pass, 0 the first. size: trainable parameters.
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

    index: its number among the run's replicas, from 0. device: the number of the one that it lives on, from 0;
    effects on it from another one come over the link. layers: in the order of the forward pass.
    """

    @property
    def index(self) -> int: ...
    @property
    def device(self) -> int: ...
    @property
    def layers(self) -> Sequence[Layer]: ...


class Step(Protocol):
    """One batch on its way: its ticket, its activations, and the versions of the weights it has read."""

    @property
    def index(self) -> int: ...  # the global ticket, counted over all epochs and devices


class Gradient(Protocol):
    """The gradient of one layer for one step, or a pseudo-gradient (`Delta`). Methods never look inside."""

    @property
    def layer(self) -> Layer: ...


class Weights(Protocol):
    """A copy of some layers' weights, with the running statistics of BatchNorm; opaque to methods. Nobody changes one.

    What lasts over epochs lies in `team.weights`.
    """

    @property
    def layers(self) -> Sequence[Layer]: ...


class OuterOptimizer(Protocol):
    """The settings of an outer optimizer (`methods.OuterOptions`, `methods.DelayedOptions` have them as options).

    name: "sgd", "nesterov"; "delayed_sgd" or "delayed_nesterov", which have `every` and `activation`, too.
    """

    @property
    def name(self) -> str: ...
    @property
    def lr(self) -> float: ...
    @property
    def momentum(self) -> float: ...


class Codec(Protocol):
    """The settings of a codec (`methods.CodecOptions` has them as options)."""

    @property
    def name(self) -> str: ...  # "topk", "sign" or "int8"
    @property
    def share(self) -> float: ...  # of a layer's entries that top-k keeps, one at least


class Team(Protocol):
    """A run as its method sees it: the replicas, where training stands, and state that lasts over epochs.

        def workers(self, team):
            for replica in team.replicas:
                team.state.setdefault(f"steps of device {replica.device}", 0)
                yield Worker(self.train(team, replica), device=replica.device, role="trainer")

    replicas: as many as `Method.replicas` says, by number. layer_flops: FLOPs, one number a layer. epoch, epochs: whole
    numbers, from 0. state: numbers, text, lists and dictionaries by text; a key for each worker keeps them apart.
    weights: what `Anchor`, `Outer` and `Compress` gave, by name. Both are in checkpoints.
    """

    @property
    def replicas(self) -> Sequence[Replica]: ...
    @property
    def replica(self) -> Replica: ...  # the first, for methods with one
    @property
    def network(self) -> str: ...  # its name, such as "resnet18"; "" where it has none
    @property
    def layer_flops(self) -> Sequence[float]: ...  # of each layer's forward pass, of one sample
    @property
    def epoch(self) -> int: ...  # 0 in the first epoch
    @property
    def epochs(self) -> int: ...  # planned
    @property
    def state(self) -> dict[str, Any]: ...  # JSON-like; saved and loaded with the weights; "executor" is taken
    @property
    def weights(self) -> dict[str, Weights]: ...  # that last over epochs, by name; saved and loaded like `state`

    def random(self, worker: str) -> Random:
        """Returns a worker's random generator, a function of seed, epoch, part of the epoch, and this name.

        So its numbers depend on nothing that other workers do: they are the same on every executor, resumed or
        replayed. A method draws from nothing else.

            partner = team.random(f"partners of {replica.index}").choice(others)
        """


class LayerVersions(NamedTuple):
    """Updates of a layer: `read`, until a step's forward pass read it, and `now`.

    Of another replica than the gradient's they are the updates that weights have come through, wherever that was: what
    is mixed in whole (`Mix`) brings its count along.
    """

    read: int
    now: int

    @property
    def staleness(self) -> int:
        """Returns the number of others' updates in between; at least 0, where the gradient is of another replica."""
        return max(0, self.now - self.read)


Scale = float | Callable[[int], float]
"""A factor of an update's learning rate: a number, or a function of its staleness in updates."""


# ---- what workers share ---------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Channel:
    """A queue between workers, first in, first out.

    capacity: items that may wait in it. 0 is a rendezvous (Put waits for its Get), None is unbounded. producers: after
    as many Close effects, and once it is empty, Get gives None. name: in messages to people.

        losses = Channel(capacity=8, name="losses")
        yield Put(losses, step)            # one worker
        step = yield Get(losses)           # another one
    """

    capacity: int | None = 0
    producers: int = 1
    name: str = "channel"


class CounterValue(int):
    """A counter's value at one moment. ended: whether the counter had ended then."""

    ended: bool

    def __new__(cls, value: int, ended: bool) -> CounterValue:
        counter_value = super().__new__(cls, value)
        counter_value.ended = ended
        return counter_value


@dataclass(eq=False)
class Counter:
    """A shared counter (S in arXiv:2203.06638, Algorithm 1): incremented by Count, waited for by Await.

    producers: after as many Close effects it has ended, and Await returns at once.
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
    """The workers that meet in a collective (AllReduce, Average), one per member, round by round."""

    members: int
    name: str = "group"


class Late:
    """The type of LATE, which Get gives where nothing has arrived by its deadline."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "LATE"


LATE = Late()


# ---- effects --------------------------------------------------------------------------------------------------------


class Effect:
    """The base of all effects. A worker yields one; the executor sends back its value, given in each class after "->".

    Treat them as immutable; they are not frozen, since that trebles the time to make one, millions of times.
    """

    __slots__ = ()


@dataclass(slots=True, unsafe_hash=True)
class NextBatch(Effect):
    """Take the replica's next batch of the epoch -> Step, or None at the epoch's end.

    Replicas have equal shares of an epoch's batches; with shared=True whoever asks gets the next one. All workers of an
    epoch must ask in the same way.
    """

    replica: Replica
    shared: bool = False


@dataclass(slots=True, unsafe_hash=True)
class Snapshot(Effect):
    """Pin the layer's weights as they are now: the step's passes use this copy, whatever updates follow.

    From another device than the layer's it comes over the link. Whoever is sent the step gets what is pinned with it
    (methods/asgd.py).
    """

    layer: Layer
    step: Step


@dataclass(slots=True, unsafe_hash=True)
class Forward(Effect):
    """Run the step's forward pass through one layer. Layers go first to last.

    Input and output stay on the step's tape for its backward pass; the layer's version is noted as read.
    """

    layer: Layer
    step: Step


@dataclass(slots=True, unsafe_hash=True)
class Loss(Effect):
    """Compute the task's loss of the step's output, and its gradient, from which the backward pass begins."""

    step: Step


@dataclass(slots=True, unsafe_hash=True)
class Backward(Effect):
    """Run the step's backward pass through one layer -> Gradient (None if weights=False). Layers go last to first.

    The layer's weights are those of now (theta^v) unless pinned, its activations those of the forward pass (theta^u).
    weights=False computes the gradient of the layer's input only, inputs=False that of its weights only.
    """

    layer: Layer
    step: Step
    weights: bool = True
    inputs: bool = True


class Update(Effect):
    """Apply gradients at once, as one kernel launch.

    They change the layers that they were taken from, or the same layers of `replica`. A gradient that came over a
    channel has paid for its transfer there, so an update of the worker's own replica pays none. scale: multiplies the
    learning rate, finite and not negative; a function is called with the layer's staleness when that layer is updated,
    while nobody else updates it.

        yield Update(*gradients)                           # a block update
        yield Update(gradient, scale=lambda s: 1 / (1 + s))  # smaller steps for stale gradients
    """

    __slots__ = ("gradients", "replica", "scale")

    def __init__(self, *gradients: Gradient, replica: Replica | None = None, scale: Scale = 1.0) -> None:
        self.gradients = gradients
        self.replica = replica
        self.scale = scale


class Accumulate(Effect):
    """Combine gradients of one layer, of several steps, workers or replicas -> their mean, or sum: one Gradient.

    The result is of the first one's layer and has the first ticket, so one learning rate; the gradients are used up.
    `Update` notes the staleness of each; the greatest is that of `scale` and `Lag`. One gradient alone is given back.

        means = []
        for same in zip(*collected):           # the gradients of each layer
            means.append((yield Accumulate(*same)))
        yield Update(*means)                   # one step by several batches
    """

    __slots__ = ("gradients", "mean")

    def __init__(self, *gradients: Gradient, mean: bool = True) -> None:
        self.gradients = gradients
        self.mean = mean


@dataclass(slots=True, unsafe_hash=True)
class Compress(Effect):
    """Compress a gradient and keep what is lost -> (Gradient as its receivers will have it, Weights: the new error).

    sent = codec(gradient + error), and the new error is gradient + error - sent; None is no error. The gradient is used
    up; what is sent costs the codec's bytes on its way, an AllReduce of them those of an all-gather. Of a `Delta` the
    running statistics go along as they are. An error is of one layer, and lasts in `team.weights`.

        name = f"error of {gradient.layer.name} on device {replica.index}"
        gradient, team.weights[name] = yield Compress(gradient, codec, team.weights.get(name))
    """

    gradient: Gradient
    codec: Codec
    error: Weights | None = None


@dataclass(slots=True, unsafe_hash=True)
class Lag(Effect):
    """Ask how stale a gradient is -> LayerVersions of its layer, or of the same layer of another replica.

    Takes no time.

    Others may update the layer before this worker does; a scale that must hold at the update is a function
    (`Update.scale`).
    """

    gradient: Gradient
    replica: Replica | None = None


@dataclass(slots=True, unsafe_hash=True)
class Drop(Effect):
    """Declare that a gradient is not applied, or that a batch leads to none. Takes no time; counted with the run.

    An epoch whose batches or gradients are left over undeclared fails the run.
    """

    what: Gradient | Step


@dataclass(slots=True, unsafe_hash=True)
class Put(Effect):
    """Send an item through a channel; waits where there is no room."""

    channel: Channel
    item: Any


@dataclass(slots=True, unsafe_hash=True)
class Get(Effect):
    """Take from a channel -> the item, or None when the channel is closed and empty.

    deadline: a time as `Now` has it, in seconds. Where nothing has arrived by then Get gives LATE; what arrives at that
    very time counts, and what is on its way over a link then stays first in the channel. One that is past asks for what
    is there.

        message = yield Get(inbox, deadline=(yield Now()) + 0.5)
    """

    channel: Channel
    deadline: float | None = None


@dataclass(slots=True, unsafe_hash=True)
class Now(Effect):
    """Ask what time it is -> seconds of the executor's clock over all epochs, evaluations left out. Takes no time."""


@dataclass(slots=True, unsafe_hash=True)
class Close(Effect):
    """Say that one producer of a channel or counter is done."""

    port: Channel | Counter


@dataclass(slots=True, unsafe_hash=True)
class Count(Effect):
    """Increment a counter -> the value before (read-and-inc: arXiv:2203.06638, Algorithm 1a, line 4)."""

    counter: Counter


@dataclass(slots=True, unsafe_hash=True)
class Await(Effect):
    """Wait until a counter has reached at_least, or has ended -> CounterValue, its value then.

    Ask the value's `ended`, not the counter's, which others may close meanwhile.
    """

    counter: Counter
    at_least: int


@dataclass(slots=True, unsafe_hash=True)
class AllReduce(Effect):
    """Reduce one layer's gradient -> the mean over the group's members, a Gradient of this replica's layer.

    Every member brings the same layers in the same order; the mean has the round's first ticket, so one learning rate.
    """

    group: Group
    replica: Replica
    gradient: Gradient


@dataclass(slots=True, unsafe_hash=True)
class Average(Effect):
    """Average the group's replicas without stopping anyone -> True when every member said last, or a Correction.

    Takes a snapshot when it starts and adds (mean of the snapshots - snapshot) when it ends (paper B, Algorithm 1b).
    state: the optimizer's state (momentum) is averaged with the weights; all members say so, or none, and no layer has
    more than one such state (`momentum=shared`, or one updater). Where a layer was never updated its state counts as 0.
    later: adds nothing yet and gives a Correction, which any worker may add at any time (`Correct`).
    weight: of this member in the mean, sum(weight x) / sum(weight), above 0; all members give one, or none.
    """

    group: Group
    replica: Replica
    last: bool = False
    state: bool = False
    later: bool = False
    weight: float | None = None


@dataclass(slots=True, frozen=True, eq=False)
class Correction:
    """Difference that an average adds to a replica: mean - snapshot.

    mean, snapshot: vectors (n,) of the replica's weights, opaque to methods. members: of the average. last: whether
    every one said last.
    """

    replica: Replica
    mean: Any
    snapshot: Any
    state: bool
    last: bool
    members: int


@dataclass(slots=True, unsafe_hash=True)
class Correct(Effect):
    """Add the Correction of an average with `later`. Takes no time."""

    correction: Correction


@dataclass(slots=True, unsafe_hash=True)
class Anchor(Effect):
    """Copy the weights of some layers as they are now -> Weights, which stay what they are.

    team.weights[name] = yield Anchor(replica, replica.layers)
    """

    replica: Replica
    layers: Sequence[Layer]


@dataclass(slots=True, unsafe_hash=True)
class Delta(Effect):
    """The pseudo-gradients of the anchor's layers, anchor - live weights now -> a list, one for each layer.

    Put and AllReduce take one like a gradient; it is of no batch, so that no epoch is unfinished for want of it, and no
    staleness is noted of it. Lag gives the updates since, or of another replica those since the anchor's version. It
    takes the running statistics of BatchNorm along, as they are, where these are averaged (`bn_buffers`).
    """

    anchor: Weights
    replica: Replica


class Outer(Effect):
    """One step of the outer optimizer on the anchor, by a pseudo-gradient for each of its layers -> the new Weights.

    The anchor given stays what it is; momentum goes on in what comes back. An outer step extrapolates, which would make
    variances negative: so running statistics become those that the pseudo-gradients brought. scale: multiplies the
    pseudo-gradients, finite and not negative.

        anchor = yield Outer(anchor, *means, optimizer=self.options.outer)
    """

    __slots__ = ("anchor", "deltas", "optimizer", "scale")

    def __init__(self, anchor: Weights, *deltas: Gradient, optimizer: OuterOptimizer, scale: float = 1.0) -> None:
        self.anchor = anchor
        self.deltas = deltas
        self.optimizer = optimizer
        self.scale = scale


@dataclass(slots=True, unsafe_hash=True)
class Mix(Effect):
    """Mix weights into the same layers of a replica: live <- (1 - share) live + share weights. share: from 0 to 1.

    Counted like an average, apart from updates. With a share of 1 the layers get the weights' version, an outer step
    being an update of it: so a gradient taken there, and applied at the replica that the weights are of, is as stale as
    they are. With a smaller share they keep their own. Running statistics are mixed where these are averaged. fresh:
    the layers' optimizers begin anew as well, without a state.
    """

    replica: Replica
    weights: Weights
    share: float
    fresh: bool = False


Program = Generator[Effect, Any, None]


@dataclass(frozen=True, eq=False)
class Worker:
    """One concurrent activity of a method. Its name is the same in every epoch: per-updater momentum is kept under it.

        Worker(self.forward(team, replica, losses), device=0, role="forward")

    program: the generator. device: where it computes, from 0. role, index: its name. holds: layers whose weights live
    on the worker's device instead of their replica's, as a pipeline's stage has them. outlives_epochs: on the virtual
    clock the others' end of an epoch does not hold it up: it begins the next one when it has ended this one. It touches
    nothing but what its own device holds, and channels.
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


# ---- phrases that most methods speak --------------------------------------------------------------------------------


def forward(replica: Replica, step: Step, *, pin: str = "never") -> Program:
    """Yields the effects of a whole forward pass, and the loss.

    pin: "layer" pins each layer's weights as the pass reads them, "start" all of them before it.

        yield from forward(replica, step)
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
    """Yields the effects of a whole backward pass -> the gradients, last layer first.

    gradients = yield from backward(replica, step)
    """
    gradients = []
    for layer in reversed(replica.layers):
        gradients.append((yield Backward(layer, step)))
    return gradients


def train(replica: Replica, step: Step, *, pin: str = "never", scale: Scale = 1.0) -> Program:
    """Yields the effects of one step by a whole gradient: forward pass, backward pass, and one update of all layers.

    pin: as in `forward`. scale: as in `Update`.

        while (step := (yield NextBatch(replica))) is not None:
            yield from train(replica, step)
    """
    yield from forward(replica, step, pin=pin)
    gradients = yield from backward(replica, step)
    yield Update(*gradients, scale=scale)
