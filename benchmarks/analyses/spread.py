"""Splits the spread of asynchronous results into the part of the schedule and the part of the seed.

On real threads a run at the same seed ends differently each time. Here a method trains several times at seed 0, each
run recorded; then one of these schedules is replayed under as many seeds. The first gives the spread due to the order
of reads and writes alone, the second that due to initial weights, order of samples and augmentation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import stdev
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from benchmarks.analyses.definition import Analysis, AnalysisOptions, Finding, Request
from benchmarks.executors import registry as executors
from benchmarks.hardware.cores import usable_cores
from benchmarks.runner import plan
from benchmarks.runner.environment import cpu_name
from benchmarks.runner.processes.memory import keep_freed_memory
from benchmarks.workloads.workload import Workload, workload
from methods import Method
from results.measures import Measure
from results.statistics import Summary
from results.statistics.intervals import Interval, std_interval, std_ratio_interval
from results.tables import Conditions, ResultCell, ResultRow, ResultTable

if TYPE_CHECKING:
    from benchmarks.workloads.data.load import DataSet
    from results.records.schedule import Part

FAMILIES = {"resnet18": "cifar100", "resnet50": "cifar100", "lstm": "imdb"}
METHODS: dict[str, dict[str, int]] = {"async_lu": {}, "lapsgd": {"updaters": 2}}
"""The default methods, with options that differ from their own defaults."""
ENDS = {"loss": ("loss", ""), "accuracy_percent": ("accuracy", "%")}
MEASURES = tuple(
    measure
    for key, (word, unit) in ENDS.items()
    for measure in (
        Measure(f"{key}_over_schedules", f"Std of {word} over schedules", unit, digits=4),
        Measure(f"{key}_over_seeds", f"Std of {word} over seeds", unit, digits=4),
        Measure(f"{key}_ratio", f"Schedules over seeds, {word}", digits=2),
    )
)


class SpreadOptions(AnalysisOptions):
    runs: Annotated[int, Field(ge=2, le=100, description="schedules at one seed, and seeds at one schedule")] = 5
    epochs: Annotated[int | None, Field(ge=1, description="of a run; none: the workload's")] = None
    batches: Annotated[int | None, Field(ge=3, le=100_000, description="per epoch; none: all")] = None


Ends = dict[str, float]
"""Metrics after the last epoch, by ENDS."""


@dataclass(frozen=True)
class Runs:
    """One method on one workload. seeds: 0, 1, ...; the replay at seed 0 repeats the first schedule's own run."""

    work: Workload
    method: Method
    schedules: tuple[Ends, ...]
    seeds: tuple[Ends, ...]

    @property
    def title(self) -> str:
        settings = ", ".join(f"{key} {getattr(self.method.options, key)}" for key in METHODS.get(self.method.name, {}))
        return f"{self.method.title} ({settings})" if settings else self.method.title

    def values(self, key: str) -> tuple[list[float], list[float]]:
        """Returns a metric's values over schedules, and over seeds."""
        return [end[key] for end in self.schedules], [end[key] for end in self.seeds]


def run(request: Request) -> Finding:
    """Measures the spread of the requested methods and networks, by default METHODS on ResNet-18."""
    networks = request.networks_among(FAMILIES, ("resnet18",))
    keep_freed_memory()  # as every process that trains does
    results = [_runs(request, network, name) for network in networks for name in request.methods or METHODS]
    return Finding((_table(request, results),))


# ---- trained


def _runs(request: Request, network: str, name: str) -> Runs:
    from benchmarks.runner.training import load_data

    options: SpreadOptions = request.options
    set_by_user = request.settings.get(name, {})
    method = request.method(name, **{key: of for key, of in METHODS.get(name, {}).items() if key not in set_by_user})
    executors.THREADS.check(method)
    settings = {} if options.epochs is None else {"epochs": str(options.epochs)}
    if options.batches is not None:
        batch = workload(FAMILIES[network], network, request.scale).batch
        settings["train_samples"] = str(options.batches * batch)
    work = workload(FAMILIES[network], network, request.scale, settings)
    data = load_data(work, None)
    recorded = [_record(work, method, data) for _ in range(options.runs)]
    schedule = recorded[0][1]
    replayed = tuple(_replay(work, method, data, seed, schedule) for seed in range(options.runs))
    return Runs(work, method, tuple(end for end, _ in recorded), replayed)


def _record(work: Workload, method: Method, data: DataSet) -> tuple[Ends, list[Part]]:
    """Trains on threads at seed 0 -> the last metrics, and the recorded schedule."""
    from benchmarks.executors.threads.recorder import RecordingExecutor
    from benchmarks.runner.training import Training

    training = Training(_spec(work, method, 0), data, None)
    ends = _train(training)
    assert isinstance(training.executor, RecordingExecutor)
    return ends, training.executor.take_schedule()


def _replay(work: Workload, method: Method, data: DataSet, seed: int, schedule: Sequence[Part]) -> Ends:
    from benchmarks.executors.replay.executor import ReplayExecutor
    from benchmarks.runner.training import Training

    spec = _spec(work, method, seed)
    training = Training(spec.model_copy(update={"executor": executors.REPLAY.name, "recorded": None}), data, None)
    assert isinstance(training.executor, ReplayExecutor)
    training.executor.follow(schedule)
    return _train(training)


def _spec(work: Workload, method: Method, seed: int) -> Any:
    return plan.alone(work, method, seed, executor=executors.THREADS.name, record=True).spec


def _train(training: Any) -> Ends:
    metrics = [training.epoch(epoch) for epoch in range(training.work.epochs)][-1]
    return {key: metrics[key] for key in ENDS}


# ---- shown


def _table(request: Request, results: Sequence[Runs]) -> ResultTable:
    count, hardware = request.options.runs, f"{cpu_name()}, {usable_cores()} cores"
    return ResultTable(
        name="spread",
        title="The spread of a result over schedules, and over seeds",
        source="this machine's threads, recorded and replayed",
        measures=MEASURES,
        rows=tuple(_row(runs) for runs in results),
        captions=(
            f"scale {request.scale}; {count} recorded runs of real threads at seed 0 on {hardware}, and the first "
            f"one's schedule replayed at seeds 0 to {count - 1}",
            f"sample standard deviations after {results[0].work.epochs} epochs; recorded: readers and writers "
            "of a layer exclude each other",
        ),
        notes=(
            *(note for runs in results for note in _notes(runs)),
            "Intervals of standard deviations take results for normal, and are wide with few runs.",
        ),
        conditions=Conditions(
            scale=request.scale,
            executor="threads and replay",
            hardware=hardware,
            device="cpu",
            seeds=tuple(range(count)),
            runs=2 * count * len(results),
        ),
    )


def _row(runs: Runs) -> ResultRow:
    cells: list[ResultCell] = []
    for key in ENDS:
        schedules, seeds = (
            stdev(values) if all(map(math.isfinite, values)) else math.nan for values in runs.values(key)
        )
        for value in (schedules, seeds, schedules / seeds if seeds else math.nan):
            summary = Summary(value, None, len(runs.schedules)) if math.isfinite(value) else None
            reason = "" if summary else "no ratio: a run diverged, or there is no spread over seeds"
            cells.append(ResultCell(None, summary, reason))
    return ResultRow(runs.work.network, runs.work.label, runs.method.name, runs.title, tuple(cells))


def _std(values: Sequence[float]) -> float:
    return stdev(values) if all(map(math.isfinite, values)) else math.nan


def _notes(runs: Runs) -> Iterator[str]:
    name = f"{runs.title} on {runs.work.network}"
    exact = runs.schedules[0] == runs.seeds[0]
    bits = "to the last bit" if exact else "NOT to the last bit: that is a defect of the replay"
    yield f"{name}: the replay at seed 0 ended as its recorded run, {bits}."
    for key, (word, _) in ENDS.items():
        schedules, seeds = runs.values(key)
        if all(map(math.isfinite, [*schedules, *seeds])):
            over = [
                f"{_interval(std_interval(schedules))} over {len(schedules)} schedules",
                f"{_interval(std_interval(seeds))} over {len(seeds)} seeds",
                f"{_interval(std_ratio_interval(schedules, seeds))} of their ratio",
            ]
            yield f"{name}, {word}: 95 % intervals {', '.join(over)}."


def _interval(interval: Interval | None) -> str:
    return f"{interval.low:.3g} to {interval.high:.3g}" if interval is not None else "none (no spread)"


ANALYSIS = Analysis(
    "spread",
    "The spread of final loss and accuracy over schedules at one seed, beside that over seeds at one schedule",
    "this machine",
    run,
    SpreadOptions,
    scaled=True,
)
