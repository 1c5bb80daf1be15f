"""Options that several commands share. Imports nothing heavy: help and errors appear at once.

The text below a field is its help, in one line; longer ones, and those that are computed, are `Parameter(help=...)`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number as Between

from benchmarks.commands.mistakes import whole
from benchmarks.executors import registry as executors
from benchmarks.runner.options import PlanOptions, TrainingOptions

if TYPE_CHECKING:
    from benchmarks.runner.tuning.search import TuningBudget

Number = Annotated[int, Parameter(converter=whole)]


def _check_utf8(kind: Any, text: str) -> None:
    """Raises ValueError for bytes of the command line that are no UTF-8; Python passes them as surrogates."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("Must be UTF-8.")


def _words(executor: str) -> str:
    return f"{executor} ({executors.executor(executor).title})"


ALL = "all"
Plugins = Annotated[list[Path] | None, Parameter(help="Python file with methods of your own.")]
OwnNetworks = Annotated[
    list[str] | None, Parameter(help="FILE.py, or FILE.py:NAME: the run's network, if it is your own.")
]
OwnTask = Annotated[Path | None, Parameter(help="FILE.py: the run's task, if it is your own.")]
OwnCard = Annotated[Path | None, Parameter(help="TOML file of the run's data set, if it is your own.")]
Out = Annotated[Path, Parameter(help="Folder of results.")]
Data = Annotated[Path | None, Parameter(help="Folder with the data sets. Default: $BENCHMARKS_DATA, then a cache.")]
Jobs = Annotated[
    Number | None,
    Parameter(help="Runs side by side, spread over the GPUs. Default: the GPUs, else the cores; one in real time."),
]
Target = Annotated[
    float | None,
    Parameter(
        help="Value to reach (accuracies in percent, losses in their unit), instead of the best of the worst method."
    ),
]
Uri = Annotated[str | None, Parameter(help="Tracking store. Default: $MLFLOW_TRACKING_URI, else MLflow's own default.")]
Training = Annotated[TrainingOptions, Parameter(name="*")]


@Parameter(name="*")
@dataclass(frozen=True)
class TrainOptions:
    """Options of `run` and `tune`."""

    jobs: Jobs = None
    per_device: Number | None = None
    """Runs side by side on each GPU, instead of --jobs."""
    target: Target = None
    no_tracking: bool = False
    """Leave MLflow alone; it need not be installed."""


@Parameter(name="*")
@dataclass(frozen=True)
class EngineOptions:
    """Options on where `run` trains missing runs."""

    engine: str = "local"
    """local (processes of this machine) or slurm (jobs of a cluster, which go on without it)."""
    slurm: Annotated[
        list[str] | None,
        Parameter(
            help="KEY=VALUE, an option of sbatch for every job, such as partition=gpu, gres=gpu:1 or time=240 "
            "(minutes). Others are those of [engine.slurm] in ./async-sgd-benchmarks.toml."
        ),
    ] = None
    per_task: Number | None = None
    """Runs of one job, one after the other. Default: short ones together, else 1."""
    detach: bool = False
    """Submit, and return: the same command follows later."""


@Parameter(name="*")
@dataclass(frozen=True)
class SearchOptions:
    """Options of `tune`: the budget of every row."""

    grid: Number = 5
    """Learning rates, evenly in their logarithms around the table's own."""
    span: float = 16.0
    """The greatest of them over the least."""
    trials: Number | None = None
    """In all; beyond the grid: weight decays, or rates of an outer optimizer. Default: the grid's."""
    tuning_seeds: Number = 1
    """Runs of a trial, at seeds that are none of --seeds."""
    sampler: str = "grid"
    """grid; or random or tpe, which are Optuna's."""
    select: Annotated[str, Parameter(show_default=False)] = ""
    """Split that chooses: validation (the default where training samples are left for it), or test, as in papers."""
    widen: Number = 0
    """Rates to try at most beyond an end of the grid, one by one, while a row's best rate is at that end."""

    def budget(self) -> TuningBudget:
        """Returns the budget. Raises UserError where a number is out of bounds."""
        from benchmarks.runner.tuning.search import TuningBudget

        trials = self.trials if self.trials is not None else self.grid
        checked = TuningBudget(self.grid, self.span, trials, self.tuning_seeds, self.sampler, self.select, self.widen)
        checked.check()
        return checked


@Parameter(name="*")
@dataclass(frozen=True)
class SampleOptions:
    """Options of `sample`: a text's beginning, and how tokens are drawn."""

    prompt: Annotated[str, Parameter(validator=_check_utf8)] = ""
    """Beginning of the text. Default: the training text's first character."""
    tokens: Annotated[Number, Parameter(validator=Between(gte=1))] = 300
    """Tokens to write, after those of the prompt."""
    temperature: Annotated[float, Parameter(validator=Between(gte=0, lt=math.inf))] = 0.8
    """Below 1: more of the probable; 0: the most probable always."""
    seed: Annotated[Number, Parameter(validator=Between(gte=0, lt=2**32))] = 0
    """Seed of the random numbers."""


@dataclass(frozen=True)
class Words:
    """Options of a selection as they are typed; `choose` parses them."""

    scale: str = "smoke"
    """smoke (embedded data, a minute), small (real data in part) or paper."""
    budget: str = "1"
    """1, 4 or 20 times the samples of scale small: more data, more epochs, a longer schedule."""
    seeds: str = "3"
    """Seeds per method and network: how many, or which, as in 0-4,7."""
    method: list[str] | None = None
    """Only these methods or rows; lapsgd@updaters=4 need not be one of the table's. Default: all."""
    network: list[str] | None = None
    """Only these networks; or on the same rows one that no paper trains, or FILE.py or FILE.py:NAME: your own."""
    task: Path | None = None
    """FILE.py: a task of your own, loss and measures, which takes the place of the table's."""
    executor: Annotated[str, Parameter(help=f"{' or '.join(map(_words, executors.names()))}.")] = executors.DEFAULT
    hardware: str | None = None
    """Hardware card of the virtual clock: a name or a TOML file. Default: the table's."""
    device: str = "auto"
    """cpu, cuda or auto."""
    devices: list[str] | None = None
    """Only these GPUs, by number, as in 0,1,2; a run at a time on each. Default: all."""
    data: Data = None
    data_card: Path | None = None
    """TOML file of a data set of your own, which takes the place of the table's."""
    out: Out = Path("out")
    set_: Annotated[
        list[str] | None,
        Parameter(
            name="--set",
            help="method.option=value, workload.field=value or analysis.option=value; several values, 1,4,16: a row "
            "each. `show` lists them.",
        ),
    ] = None
    evaluate_every: Annotated[
        str | None,
        Parameter(
            help="Epochs between two evaluations, as --set workload.evaluate_every: 2, or 1/4 for four in each, where "
            "workers are drained as at an epoch's end. Default: 1."
        ),
    ] = None
    plugin: Plugins = None


@Parameter(name="*")
@dataclass(frozen=True)
class Selection(PlanOptions, Words):
    """Options that select what is run or shown, shared by `run`, `show`, `claims` and `report`."""

    @property
    def settings(self) -> list[str]:
        """Returns the settings of --set, and of options that are short for one."""
        short = [] if self.evaluate_every is None else [f"workload.evaluate_every={self.evaluate_every}"]
        return [*(self.set_ or ()), *short]

    @property
    def smallest(self) -> Selection:
        """Returns the selection itself, since it leaves nothing open."""
        return self


@Parameter(name="*")
@dataclass(frozen=True)
class Shown(Selection):
    """Options of commands that show existing runs: by default those of every scale, executor, card and seed."""

    scale: str = ALL
    """smoke, small or paper; all: each that has runs."""
    budget: str = ALL
    """1, 4 or 20 times the samples of scale small; all: each that has runs."""
    seeds: str = ALL
    """Number of seeds, or which, as in 0-4,7; all: those that have runs."""
    executor: Annotated[
        str, Parameter(help=f"{' or '.join(map(_words, executors.names()))}; all: each that has runs.")
    ] = ALL

    @property
    def every(self) -> frozenset[str]:
        """Returns which of scale, budget, executor and seeds are left open (every_condition.EVERYTHING)."""
        real = self.hardware or self.record
        is_open = {
            "scale": self.scale == ALL,
            "budget": self.budget == ALL,
            "executor": self.executor == ALL and not real,
            "seeds": self.seeds == ALL,
        }
        return frozenset(name for name, left_open in is_open.items() if left_open)

    @property
    def smallest(self) -> Selection:
        """Returns the selection with the smallest scale, default executor and seeds, where these were left open.

        The smallest scale that has budgets, where one of them is named.
        """
        left_open = [name for name in ("scale", "budget", "executor", "seeds") if getattr(self, name) == ALL]
        smallest = replace(self, **{name: getattr(Selection, name) for name in left_open})
        return replace(smallest, scale="small") if smallest.budget != "1" and self.scale == ALL else smallest
