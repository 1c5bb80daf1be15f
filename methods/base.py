"""The base class of methods: their recorded options, their properties, and workers that yield effects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from inspect import isgeneratorfunction
from typing import Annotated, Any, ClassVar, Literal, Protocol

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from methods.effects import Layer, Replica, Team, Worker
from methods.later import left_out

Devices = Annotated[int, Field(ge=1, le=1024)]
Workers = Annotated[int, Field(ge=1, le=256)]

options = dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns options by dotted names, as `--set` and records have them: {"outer": {"lr": 1}} -> {"outer.lr": 1}."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options of `flat` as their classes take them."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        part, dot, rest = name.partition(".")
        if dot:
            found.setdefault(part, {})[rest] = value
        else:
            found[part] = value
    return found


@options
class Options:
    """The options of every method; a method's own Options inherit from it."""

    momentum: Annotated[
        Literal["shared", "per_updater"],
        Field(description="optimizer state: one per layer, or one per layer and updating worker"),
    ] = "shared"
    updates: Annotated[
        Literal["additive", "overwrite"],
        Field(description="add to the live weights, or overwrite them by the worker's copy (A, Algorithm 1 literally)"),
    ] = "additive"
    lock_free: Annotated[
        bool,
        Field(
            description="no mutex per layer, nor on a GPU an order of its weights' reads and writes (threads only: on "
            "the virtual clock an update is one event)"
        ),
    ] = False
    bn_buffers: Annotated[
        Literal["averaged", "per_device"],
        Field(description="running statistics of BatchNorm: averaged with the weights, or left to each device"),
    ] = "averaged"
    consensus: Annotated[
        Literal["mean", "first"], Field(description="what is evaluated: the mean of the replicas, or the first")
    ] = "mean"


class ExecutorProperties(Protocol):
    """Properties of an executor that a method may ask for before it runs there."""

    @property
    def simulated(self) -> bool: ...  # seconds are those of simulated devices
    @property
    def repeatable(self) -> bool: ...  # a seed gives the same bits again
    @property
    def one_process(self) -> bool: ...  # all workers share one process's memory


class Method(ABC):
    """A training algorithm. A subclass defines Options, replicas, devices and workers; executors carry it out.

        @register(title="Plain SGD", source="no paper")
        class Plain(Method):
            def workers(self, team):
                yield Worker(self.train(team.replica), device=0, role="trainer")

            def train(self, replica):
                while (step := (yield NextBatch(replica))) is not None:
                    yield from forward(replica, step)
                    yield Update(*(yield from backward(replica, step)))

    name, title, source, file, place: set by `register`. Options: the class of its options; options: its values, by
    default all defaults.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    file: ClassVar[str]
    place: ClassVar[float]
    Options: ClassVar[Any] = Options

    def __init__(self, options: Any = None) -> None:
        self.options = self.Options() if options is None else options

    @property
    def replicas(self) -> int:
        """The number of copies of the network, one per device that holds one."""
        return 1

    @property
    def devices(self) -> int:
        """The number of devices in use, simulated or real."""
        return self.replicas

    @property
    def servers(self) -> int:
        """The number of devices that compute no passes: the last ones."""
        return 0

    @property
    def evaluated(self) -> Sequence[int]:
        """The numbers of the evaluated replicas, combined as `consensus` says; a server's method names its own."""
        return range(self.replicas)

    @property
    def trained_replicas(self) -> int:
        """The number of replicas that train on batches, from replica 0 on: all except a server's own."""
        return min(self.replicas, self.devices - self.servers)

    @property
    def shards(self) -> int:
        """The number of devices that ask for batches, from 0 on: each may have a part of the data of its own."""
        return self.devices - self.servers if self.shares_batches and self.replicas == 1 else self.trained_replicas

    @property
    def needs_one_process(self) -> bool:
        """Whether workers of several devices share memory: a replica, a counter, a channel of more than gradients."""
        return self.devices > self.replicas

    def refuses(self, executor: ExecutorProperties) -> str:
        """Returns why the method cannot run on such an executor, as the end of a sentence; "" where it can.

        Shown after "NAME cannot run on --executor virtual: ".
        """
        if self.needs_one_process and not executor.one_process:
            return "its workers on several devices share memory, and there they have none in common"
        return ""

    def check_layers(self, layers: int) -> None:  # noqa: B027
        """Raises MethodError where the method cannot train a network of so many layers; called before any training."""

    def check_network(self, network: str) -> None:  # noqa: B027
        """Raises MethodError where the method cannot train the network of this name (may be "").

        Called before any training.
        """

    def parts(self, team: Team) -> Sequence[Sequence[Layer]]:
        """Returns the layers of each device, in order, where the network is cut into parts; () where it is not."""
        return ()

    # ---- properties that comparisons of rows check where no run has counted them. The default reads an option if the
    # method has it; otherwise override the property. A plug-in that does neither is "not declared" (`declares`).

    @property
    def learning_rate_factor(self) -> float:
        """The factor of the schedule's learning rate."""
        return 1.0

    @property
    def shares_batches(self) -> bool:
        """Whether any replica may take an epoch's next batch, instead of each its equal share."""
        return getattr(self.options, "shares", "equal") == "dynamic"

    @property
    def batches_per_update(self) -> int:
        """Batches whose mean gradient makes one update, at most: all replicas' where gradients are reduced, else 1."""
        return 1

    @property
    def applies_all_gradients(self) -> bool:
        """Whether every replica applies the gradient of every batch, the other replicas' as well."""
        return self.replicas == 1

    @property
    def drops_gradients(self) -> bool:
        """Whether workers may leave gradients unapplied, which they then declare by `Drop` effects."""
        return False

    @property
    def updates_all_layers(self) -> bool:
        """Whether every update changes all layers."""
        return True

    @property
    def updates_whole_gradients(self) -> bool:
        """Whether every Update has the gradients of all layers: clipping by the norm of all layers needs that."""
        return False

    @property
    def averages_replicas(self) -> bool:
        """Whether replicas are averaged now and then; BatchNorm's buffers with them as `bn_buffers` says."""
        return False

    @property
    def averages_state(self) -> bool:
        """Whether averages take the optimizer's state (momentum) along, by default as the option `averages` says."""
        return getattr(self.options, "averages", "weights") == "weights_and_momentum"

    @property
    def updaters(self) -> int:
        """The number of workers that update one replica, by gradients that were computed for it (U)."""
        return int(getattr(self.options, "updaters", 1))

    @property
    def gradient_at(self) -> Literal["forward", "current"] | None:
        """Which weights a gradient is taken at: "forward" (pinned by the forward pass) or "current".

        None where they are the same, since nothing else changes a replica while its batch is on the way.
        """
        if self.batches_per_update > 1 or self.replicas == self.updaters == 1:
            return None
        return getattr(self.options, "weights", None)

    @property
    def queue(self) -> int | None:
        """Number of losses that may wait between forward and backward workers (0: a rendezvous).

        None without such workers.
        """
        return getattr(self.options, "queue", None)

    @property
    def special_case(self) -> str:
        """A sentence if the options make this another algorithm, else ""; {rows} stands for the names of its rows."""
        return ""

    @property
    def same_as(self) -> Method | None:
        """Another method that, with these options, has the same numbers and seconds; None if there is none."""
        return None

    @property
    def trained_as(self) -> Method:
        """The method to train: `same_as` if this class itself defines it, else this method.

        An inherited `same_as` does not count, since a subclass may do something else.
        """
        equivalent = self.same_as if "same_as" in vars(type(self)) else None
        return self if equivalent is None else equivalent.trained_as

    def declares(self, name: str) -> bool:
        """Returns whether this class itself states the property of this name.

        It does if it defines the property, or the option that the property's default reads. A plug-in that inherits
        from another method but defines its own workers does not inherit that method's statements. The suite's own
        methods declare every property.
        """
        line = type(self).__mro__
        owner = next(i for i, cls in enumerate(line) if name in vars(cls))
        if all(cls.__module__.partition(".")[0] == __package__ for cls in line[: line.index(Method)]):
            return True
        if line[owner] is Method:
            return _ASKED_FOR.get(name) in self.Options.__dataclass_fields__
        return not any(map(_has_workers, line[:owner]))

    def as_method(self, method: type[Method]) -> Method:
        """Makes another method, with all of its options set to this method's values."""
        return method(
            method.Options(**{key: getattr(self.options, key) for key in method.Options.__dataclass_fields__})
        )

    @abstractmethod
    def workers(self, team: Team) -> Iterable[Worker]:
        """Yields the workers of an epoch, or of a part of it where a workload drains within epochs.

        Called once per epoch or part, always with the same team: keep values that outlast it in team.state. Workers get
        only the batches of their part. The epoch or part ends (drains) when all of them have run to completion.
        """

    def describe(self) -> dict[str, Any]:
        """Returns the values of all options by name; names of nested options are dotted, such as "outer.lr"."""
        return flat(_fields_of(self.options))

    def recorded(self) -> dict[str, Any]:
        """Returns the options that define a run: `Later` ones only where they change what earlier runs did."""
        not_said = flat(left_out(self.options))
        return {name: value for name, value in self.describe().items() if name not in not_said}


_ASKED_FOR = {
    "shares_batches": "shares",
    "averages_state": "averages",
    "updaters": "updaters",
    "gradient_at": "weights",
    "queue": "queue",
}
"""Property -> the option that its default reads."""


def _fields_of(options: Any) -> dict[str, Any]:
    """Returns the fields by name; unlike `dataclasses.asdict` copies no values, which takes most of its time."""
    values = {name: getattr(options, name) for name in options.__dataclass_fields__}
    return {name: _fields_of(value) if is_dataclass(value) else value for name, value in values.items()}


def _has_workers(cls: type) -> bool:
    """Returns whether the class itself defines `workers`, or a generator, which may be a worker's program."""
    return any(name == "workers" or isgeneratorfunction(value) for name, value in vars(cls).items())


@options
class ReplicatedOptions(Options):
    devices: Annotated[Devices, Field(description="Q, devices, each with its own replica")] = 3
    learning_rate: Annotated[
        Literal["published", "linear"], Field(description="the schedule's, or that times the devices")
    ] = "published"


@options
class SharingOptions(ReplicatedOptions):
    shares: Annotated[
        Literal["equal", "dynamic"], Field(description="batches of an epoch: as many for all, or for who asks first")
    ] = "equal"


class Replicated(Method):
    """A method with one replica on each device; the option `devices` is their number (Q, 3 by default).

        @register(title="Mine", source="my paper, Algorithm 1")
        class Mine(Replicated):
            def workers(self, team):
                for replica in team.replicas:
                    yield Worker(self.train(replica), device=replica.device, role="trainer")

    `learning_rate=linear` multiplies the schedule's rate by Q. Its Options inherit from ReplicatedOptions, or from
    SharingOptions, whose `shares=dynamic` gives the next batch to whoever asks (`NextBatch(replica, shared=True)`).
    """

    Options = ReplicatedOptions

    @property
    def replicas(self) -> int:
        return int(self.options.devices)

    @property
    def learning_rate_factor(self) -> float:
        return float(self.options.devices) if self.options.learning_rate == "linear" else 1.0


class LocalSteps(Replicated):
    """A method whose replicas take steps by whole gradients of their own, and are averaged or mixed now and then."""

    averages_replicas = True
    updates_whole_gradients = True

    def count_step(self, team: Team, replica: Replica) -> int:
        """Counts a local step of the replica in team.state -> how many it has made, over all epochs."""
        key = f"local steps of device {replica.index}"
        team.state[key] = steps = int(team.state.get(key, 0)) + 1
        return steps
