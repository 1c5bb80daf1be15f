"""The base classes of methods: their options, and the properties that executors and comparisons ask for."""

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
    options_by_name: dict[str, Any] = {}
    for name, value in values.items():
        options_by_name |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return options_by_name


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns options with dotted names as nested dictionaries, the inverse of `flat`."""
    options_by_name: dict[str, Any] = {}
    for name, value in values.items():
        part, dot, rest = name.partition(".")
        if dot:
            options_by_name.setdefault(part, {})[rest] = value
        else:
            options_by_name[part] = value
    return options_by_name


@options
class Options:
    """The options of every method; a method's own Options inherit from it."""

    momentum: Annotated[
        Literal["shared", "per_updater"],
        Field(description="optimizer state: one per layer, or one per layer and updating worker"),
    ] = "shared"
    updates: Annotated[
        Literal["additive", "overwrite"],
        Field(description="add to the live weights, or overwrite them by the worker's copy (arXiv:2410.05985, Alg. 1)"),
    ] = "additive"
    lock_free: Annotated[
        bool,
        Field(
            description="without a mutex per layer; on a GPU also without ordering reads and writes of its weights "
            "(changes runs on threads only: on the virtual clock an update is one event)"
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
    """The properties of an executor that decide whether a method can run on it.

    simulated: its seconds are those of simulated devices.
    repeatable: the same seed gives the same bits.
    one_process: all workers share the memory of one process.
    """

    @property
    def simulated(self) -> bool: ...
    @property
    def repeatable(self) -> bool: ...
    @property
    def one_process(self) -> bool: ...


class Method(ABC):
    """A training algorithm. A subclass defines its options, replicas, devices and workers; an executor carries it out.

        @register(title="Plain SGD", source="no paper")
        class Plain(Method):
            def workers(self, team):
                yield Worker(self.train(team.replica), device=0, role="trainer")

            def train(self, replica):
                while (step := (yield NextBatch(replica))) is not None:
                    yield from train(replica, step)

    name, title, source, file, place: set by `register`.
    Options: the dataclass of the method's options.
    options: an instance of Options; None: all defaults.
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
        """The number of copies of the network, each on a device of its own."""
        return 1

    @property
    def devices(self) -> int:
        """The number of devices, simulated or real."""
        return self.replicas

    @property
    def servers(self) -> int:
        """The number of devices without forward and backward passes; they are the last ones."""
        return 0

    @property
    def evaluated(self) -> Sequence[int]:
        """The indices of the replicas that are evaluated; the option `consensus` says how they are combined."""
        return range(self.replicas)

    @property
    def trained_replicas(self) -> int:
        """The number of replicas that train on batches, from index 0; a server's own replica does not."""
        return min(self.replicas, self.devices - self.servers)

    @property
    def shards(self) -> int:
        """The number of devices that ask for batches, from device 0; each may have its own shard of the data."""
        return self.devices - self.servers if self.shares_batches and self.replicas == 1 else self.trained_replicas

    @property
    def needs_one_process(self) -> bool:
        """Whether workers on several devices share a replica, a counter, or a channel of more than gradients."""
        return self.devices > self.replicas

    def refuses(self, executor: ExecutorProperties) -> str:
        """Returns why the method cannot run on an executor, as the end of a sentence; "" if it can.

        The sentence begins with "NAME cannot run on --executor virtual: ".
        """
        if self.needs_one_process and not executor.one_process:
            return "its workers on several devices share memory, and there they have none in common"
        return ""

    def check_layers(self, layers: int) -> None:  # noqa: B027
        """Raises MethodError if the method cannot train a network of so many layers. Called before training."""

    def check_network(self, network: str) -> None:  # noqa: B027
        """Raises MethodError if the method cannot train the network of this name, maybe "". Called before training."""

    def parts(self, team: Team) -> Sequence[Sequence[Layer]]:
        """Returns each device's layers, if the method cuts the network into parts; () if it does not."""
        return ()

    # ---- properties that comparisons of rows use until a run has counted effects. Some defaults read an option, if the
    # method has it. A property that a plug-in neither overrides nor has as an option is "not declared" (`declares`).

    @property
    def learning_rate_factor(self) -> float:
        """The factor by which the schedule's learning rate is multiplied."""
        return 1.0

    @property
    def shares_batches(self) -> bool:
        """Whether the next batch of an epoch goes to whichever replica asks first, instead of equal shares for all."""
        return getattr(self.options, "shares", "equal") == "dynamic"

    @property
    def batches_per_update(self) -> int:
        """The number of batches whose mean gradient makes one update, at most: all replicas' after an all-reduce."""
        return 1

    @property
    def applies_all_gradients(self) -> bool:
        """Whether every replica applies the gradients of all batches, including those of other replicas."""
        return self.replicas == 1

    @property
    def drops_gradients(self) -> bool:
        """Whether workers may leave gradients unapplied, declared by `Drop` effects."""
        return False

    @property
    def updates_all_layers(self) -> bool:
        """Whether all layers are updated equally often; False if some gradients are of a part of the network."""
        return True

    @property
    def updates_whole_gradients(self) -> bool:
        """Whether every Update has the gradients of all layers, as clipping by the norm of all layers needs."""
        return False

    @property
    def averages_replicas(self) -> bool:
        """Whether replicas are averaged or mixed from time to time."""
        return False

    @property
    def averages_state(self) -> bool:
        """Whether averages include the optimizer's state (momentum); by default as the option `averages` says."""
        return getattr(self.options, "averages", "weights") == "weights_and_momentum"

    @property
    def updaters(self) -> int:
        """The number of workers that update one replica by gradients computed for it (U)."""
        return int(getattr(self.options, "updaters", 1))

    @property
    def gradient_at(self) -> Literal["forward", "current"] | None:
        """The weights that gradients are computed at: "forward" (those that the forward pass read) or "current".

        None if the two cannot differ, because nothing else changes the replica between a batch's passes.
        """
        if self.batches_per_update > 1 or self.replicas == self.updaters == 1:
            return None
        return getattr(self.options, "weights", None)

    @property
    def queue(self) -> int | None:
        """The number of batches that may wait between forward and backward workers; None without these."""
        return getattr(self.options, "queue", None)

    @property
    def special_case(self) -> str:
        """A sentence for options that make it another algorithm, else ""; {rows} stands for its rows' names."""
        return ""

    @property
    def same_as(self) -> Method | None:
        """The method that gives the same numbers and seconds as this one with these options; None if there is none."""
        return None

    @property
    def trained_as(self) -> Method:
        """The method to train instead: `same_as` if this class itself defines it, else this method.

        An inherited `same_as` does not count, since a subclass may train differently.
        """
        equivalent = self.same_as if "same_as" in vars(type(self)) else None
        return self if equivalent is None else equivalent.trained_as

    def declares(self, name: str) -> bool:
        """Returns whether this class declares the property `name`, by defining it or the option that its default reads.

        A plug-in that inherits from a method but defines workers of its own does not inherit that method's
        declarations. The suite's own methods declare every property.
        """
        classes = type(self).__mro__
        owner = next(i for i, cls in enumerate(classes) if name in vars(cls))
        if all(cls.__module__.partition(".")[0] == __package__ for cls in classes[: classes.index(Method)]):
            return True
        if classes[owner] is Method:
            return _OPTIONS_READ.get(name) in self.Options.__dataclass_fields__
        return not any(map(_has_workers, classes[:owner]))

    def as_method(self, method: type[Method]) -> Method:
        """Makes a method of another class, with its options set to this method's values."""
        return method(
            method.Options(**{key: getattr(self.options, key) for key in method.Options.__dataclass_fields__})
        )

    @abstractmethod
    def workers(self, team: Team) -> Iterable[Worker]:
        """Yields the workers of an epoch, or of a part of it where a workload evaluates within epochs.

        Called for every epoch or part, with the same team. Workers get the batches of that part only; it ends when all
        of them have finished. Values that must outlast it belong in `team.state` and `team.weights`.
        """

    def count_step(self, team: Team, replica: Replica) -> int:
        """Counts a local step of the replica in team.state, and returns how many it has taken over all epochs."""
        key = f"local steps of device {replica.index}"
        team.state[key] = steps = int(team.state.get(key, 0)) + 1
        return steps

    def describe(self) -> dict[str, Any]:
        """Returns all options by name; nested ones have dotted names, such as "outer.lr"."""
        return flat(_fields_of(self.options))

    def recorded(self) -> dict[str, Any]:
        """Returns the options that identify a run: `Later` ones only if they differ from what earlier runs did."""
        omitted = flat(left_out(self.options))
        return {name: value for name, value in self.describe().items() if name not in omitted}


_OPTIONS_READ = {
    "shares_batches": "shares",
    "averages_state": "averages",
    "updaters": "updaters",
    "gradient_at": "weights",
    "queue": "queue",
}
"""Property -> the option that its default reads."""


def _fields_of(options: Any) -> dict[str, Any]:
    """Returns the fields by name. `dataclasses.asdict` would also copy the values, which takes most of its time."""
    values = {name: getattr(options, name) for name in options.__dataclass_fields__}
    return {name: _fields_of(value) if is_dataclass(value) else value for name, value in values.items()}


def _has_workers(cls: type) -> bool:
    """Returns whether the class itself defines `workers` or any generator function, which may be a worker's program."""
    return any(name == "workers" or isgeneratorfunction(value) for name, value in vars(cls).items())


@options
class ReplicatedOptions(Options):
    devices: Annotated[Devices, Field(description="Q, devices, each with its own replica")] = 3
    learning_rate: Annotated[
        Literal["published", "linear"], Field(description="the schedule's rate, or that times the devices")
    ] = "published"


@options
class SharingOptions(ReplicatedOptions):
    shares: Annotated[
        Literal["equal", "dynamic"],
        Field(description="batches of an epoch: each replica's equal share, or the next for whichever asks first"),
    ] = "equal"


class Replicated(Method):
    """A method with one replica on each device; the option `devices` is their number (Q, 3 by default).

        @register(title="Mine", source="my paper, Algorithm 1")
        class Mine(Replicated):
            def workers(self, team):
                for replica in team.replicas:
                    yield Worker(self.train(replica), device=replica.device, role="trainer")

    `learning_rate=linear` multiplies the schedule's rate by Q. Its Options inherit from ReplicatedOptions, or from
    SharingOptions, whose `shares=dynamic` gives the next batch to whichever device asks first.
    """

    Options = ReplicatedOptions

    @property
    def replicas(self) -> int:
        return int(self.options.devices)

    @property
    def learning_rate_factor(self) -> float:
        return float(self.options.devices) if self.options.learning_rate == "linear" else 1.0


class LocalSteps(Replicated):
    """A method whose replicas take SGD steps on their own batches and are averaged or mixed from time to time."""

    averages_replicas = True
    updates_whole_gradients = True
