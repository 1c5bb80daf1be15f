"""Checked choices of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.executors import registry as executors
from benchmarks.hardware.card import Card
from benchmarks.runner import gpus
from benchmarks.runner.environment import real_devices
from benchmarks.runner.gpus import Gpus, Node
from benchmarks.runner.options import PlanOptions
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
        """Values as `--set` takes them: "1,4"."""
        return ",".join(self.values)

    @property
    def name(self) -> str:
        """Name of the setting as `--set` takes it: "lapsgd.period"."""
        return f"{self.owner}.{self.key}"


@dataclass(frozen=True)
class Choices(PlanOptions):
    """Checked choices of the command line. `runner.resolve` makes a table's grid of them, which other code reads.

    budget: factor of the scale's samples. any_seed: whether the seeds are those that have runs. methods: names of
    methods or of a table's rows, or rows to add; none: all. networks: likewise. peak: measured FLOP/s of one of
    `real_devices`, for MFU. settings: single values of `--set`, as text, by owner ("workload", a method, an analysis)
    and key. sweeps: settings with several values. plugin_methods: methods of the plug-ins, in order. own: the user's
    own network, task and data. target: in the unit of the tables' measure. node: that trains the runs, if not this
    machine.
    """

    scale: str = "smoke"
    budget: int = 1
    seeds: tuple[int, ...] = (0, 1, 2)
    any_seed: bool = False
    methods: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    executor: str = executors.DEFAULT
    card: Card | None = None  # --hardware; without it every table has its own
    device: str = "cpu"
    data: Path | None = None  # where to look for data that does not come with a dependency
    peak: float | None = None
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sweeps: tuple[Sweep, ...] = ()
    plugins: tuple[Path, ...] = ()
    plugin_methods: tuple[str, ...] = ()
    own_tables: tuple[Table, ...] = ()
    own: Own = NONE
    node: Node | None = None
    target: float | None = None

    @property
    def plugin_files(self) -> tuple[Path, ...]:
        """Files with methods, for processes that train: those of --plugin, and those that the user's tables name."""
        return tuple(dict.fromkeys([*self.plugins, *(path for table in self.own_tables for path in table.plugins)]))

    @property
    def kind(self) -> executors.ExecutorKind:
        """Properties of the chosen executor."""
        return executors.executor(self.executor)

    @property
    def gpus(self) -> Gpus | None:
        """GPUs that train the runs; None on a CPU. Raises UserError if this machine's differ."""
        if self.device != "cuda":
            return None
        return self.node.gpus if self.node is not None else gpus.detect()

    @property
    def real_devices(self) -> int:
        """Number of devices that real threads share."""
        if self.node is not None and self.device != "cuda":
            return self.node.cores
        return real_devices(self.device)

    @property
    def whole(self) -> Choices:
        """A copy that selects all rows, as targets and claims need."""
        return replace(self, methods=())
