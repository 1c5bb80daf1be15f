"""Choices of the command line, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.executors import registry as executors
from benchmarks.hardware.card import Card
from benchmarks.runner import gpus
from benchmarks.runner.environment import real_devices
from benchmarks.runner.gpus import Gpus, Node
from benchmarks.tables.definition import Table
from benchmarks.workloads.own import NONE, Own


@dataclass(frozen=True)
class Sweep:
    """A setting with several values, a row for each. owner: "workload" or a method; values: as text, at least two."""

    owner: str
    key: str
    values: tuple[str, ...]

    @property
    def text(self) -> str:
        """The values as `--set` has them."""
        return ",".join(self.values)

    @property
    def name(self) -> str:
        """Name of the setting, as `--set` has it: "lapsgd.period"."""
        return f"{self.owner}.{self.key}"


@dataclass(frozen=True)
class Choices:
    """Choices of the command line, checked; one made by hand is not checked.

    `runner.grid.resolve` makes a table's grid of it; what trains and what shows runs read the grid.

    budget: times the samples of the scale. any_seed: whether the seeds are those that have runs. methods: names of
    methods, of a table's rows, or of rows to be added to it; none: all. networks: likewise. peak: FLOP/s of one of
    `real_devices`. settings: of `--set`, by owner ("workload", a method, an analysis) and key, as text, but for what
    has several values: sweeps. plugin_methods: those of the plug-ins, in their order. own: what the user's own files
    gave. target: in the unit of the tables' measure.
    """

    scale: str = "smoke"
    budget: int = 1
    seeds: tuple[int, ...] = (0, 1, 2)
    any_seed: bool = False
    methods: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    executor: str = executors.DEFAULT
    record: bool = False  # the schedule
    card: Card | None = None  # --hardware; without it every table has its own
    device: str = "cpu"
    data: Path | None = None  # where to look for data that does not come with a dependency
    peak: float | None = None  # measured here by calibrate: of MFU in real time
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sweeps: tuple[Sweep, ...] = ()
    plugins: tuple[Path, ...] = ()
    plugin_methods: tuple[str, ...] = ()
    own_tables: tuple[Table, ...] = ()  # by their files
    own: Own = NONE
    alias: bool = True  # rows that are one algorithm are trained once
    node: Node | None = None  # that trains the runs, if it is not this machine
    target: float | None = None

    @property
    def kind(self) -> executors.ExecutorKind:
        """The executor's properties: what seconds are."""
        return executors.executor(self.executor)

    @property
    def gpus(self) -> Gpus | None:
        """GPUs that runs are trained on; None on a CPU. Raises UserError where this machine's are not equal."""
        if self.device != "cuda":
            return None
        return self.node.gpus if self.node is not None else gpus.found()

    @property
    def real_devices(self) -> int:
        """Number of devices that real threads share."""
        if self.node is not None and self.device != "cuda":
            return self.node.cores
        return real_devices(self.device)

    @property
    def whole(self) -> Choices:
        """A copy that selects all rows: a target is the worst row's, and a claim compares several."""
        return replace(self, methods=())
