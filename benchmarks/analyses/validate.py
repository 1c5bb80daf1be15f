"""The simulated clock against reality: seconds per epoch predicted by this machine's card, beside real ones.

The card is measured here, effect by effect (runner.calibration). On the threads executor all workers of a method share
this machine, so on the virtual clock they share its cores, which do as much at once as they were measured to do. The
prediction computes nothing; it is compared with the threads executor's real epochs.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from benchmarks.analyses.definition import Analysis, AnalysisOptions, Finding, Request, cell
from benchmarks.executors import registry as executors
from benchmarks.executors.accounting import Layer, Replica
from benchmarks.executors.team import SimulatedTeam, Team
from benchmarks.executors.virtual.sharing import OneMachine
from benchmarks.hardware.card import Card
from benchmarks.hardware.cores import usable_cores
from benchmarks.hardware.price import Price
from benchmarks.runner import plan
from benchmarks.runner.environment import allocator, cpu_name, of_process
from benchmarks.runner.processes.memory import keep_freed_memory
from benchmarks.workloads.scales import TIMED
from benchmarks.workloads.workload import Workload, workload
from methods import Method
from results.measures import Measure
from results.tables import Conditions, ResultRow, ResultTable

if TYPE_CHECKING:
    from benchmarks.runner.training import Training

METHODS = ("bp", "async_lu", "async_bu", "lapsgd", "ddp")
WORKERS = 3
"""Workers that measure the cores' capacity: as many as the methods have devices, by default."""
GOAL_PERCENT = 10.0
MEASURES = (
    Measure("seconds_per_epoch", "Seconds per epoch", "s", "less", digits=4, time=True),
    Measure("residual_percent", "Predicted over measured, less 1", "%", digits=1, exact=True),
)


class ValidateOptions(AnalysisOptions):
    rounds: Annotated[int, Field(ge=1, le=1000, description="epochs that are timed, of every method in turn")] = 9
    batches: Annotated[
        int | None, Field(ge=3, le=100_000, description="per epoch; none: all that the workload has")
    ] = None


@dataclass(frozen=True)
class Pair:
    """One method on one workload.

    predicted, measured: simulated and real seconds per epoch, one of each per round. capacity: how many times the work
    of one worker the machine does with WORKERS of them.
    """

    work: Workload
    method: Method
    predicted: tuple[float, ...]
    measured: tuple[float, ...]
    capacity: float

    @property
    def residual_percent(self) -> float:
        """Median error of the predictions in percent, each against the measurement of its own round.

        A machine that is slow for some minutes is then slow on both sides of a ratio.
        """
        ratios = [predicted / real for predicted, real in zip(self.predicted, self.measured, strict=True)]
        return 100 * (statistics.median(ratios) - 1)


def run(request: Request) -> Finding:
    """Validates the requested methods and networks, by default METHODS on the networks of TIMED."""
    networks = request.networks_among(TIMED)
    keep_freed_memory()  # as every process that trains does
    return Finding((_table(request, [pair for network in networks for pair in _pairs(request, network)]),))


def _pairs(request: Request, network: str) -> Iterator[Pair]:
    """Times epochs of each method in turn, and measures the card in every round."""
    from benchmarks.runner.calibration import Calibration
    from benchmarks.runner.training import Training, load_data

    options: ValidateOptions = request.options
    work = workload(TIMED[network], network, request.scale)
    if options.batches is not None:
        samples = {"train_samples": str(options.batches * work.batch)}
        work = workload(TIMED[network], network, request.scale, samples)
    data, trainings = load_data(work, None), list[Training]()
    for name in request.methods or METHODS:
        method = request.method(name)
        executors.THREADS.check(method)
        trainings.append(Training(plan.alone(work, method, executor=executors.THREADS.name).spec, data, None))
        _epoch(trainings[-1])  # warm up
    card, seconds = Calibration(work, data, workers=WORKERS), [list[float]() for _ in trainings]
    for _ in range(options.rounds):
        card.round()
        for training, times in zip(trainings, seconds, strict=True):
            times.append(_epoch(training))
    machine = Card(name="this-machine", title="", source="", flops_per_second=1.0)
    for training, times in zip(trainings, seconds, strict=True):
        predicted = []
        for at in (slice(i, i + 1) for i in range(options.rounds)):
            capacity = card.capacity(at, shared=training.method.replicas == 1)
            price = replace(machine.price(card.seconds(at)), lane_capacity=capacity)
            predicted.append(predicted_seconds(training.method, price, training.team))
        yield Pair(work, training.method, tuple(predicted), tuple(times), card.capacity())


def _epoch(training: Training) -> float:
    """Returns real seconds of the first epoch, at every call: methods whose phases differ stay in their first."""
    start = time.perf_counter()
    training.team.begin_epoch(0)
    training.executor.run(training.method.workers(training.team))
    seconds = time.perf_counter() - start
    training.team.accounts.end_epoch()  # raises where batches were left out, which would look fast
    return seconds


def predicted_seconds(method: Method, price: Price, like: Team) -> float:
    """Simulates a first epoch whose workers share one machine, lane_capacity of them at full speed -> its seconds.

    price: of one worker by itself. like: a team of the same network.
    """
    sizes = [(layer.name, layer.size) for layer in like.replica.layers]
    replicas = [
        Replica(q, 0, [Layer(name, i, size, 0) for i, (name, size) in enumerate(sizes)]) for q in range(method.replicas)
    ]
    team = SimulatedTeam(
        replicas,
        steps_per_epoch=like.steps_per_epoch,
        epochs=like.epochs,
        network=like.network,
        flops=lambda: like.layer_flops,
        trained=method.trained_replicas,
    )
    executor = OneMachine(team, price)
    executor.run(replace(worker, device=0) for worker in method.workers(team))
    team.accounts.end_epoch()
    return executor.now


# ---- shown


def _table(request: Request, pairs: Sequence[Pair]) -> ResultTable:
    options: ValidateOptions = request.options
    threads = ", ".join(dict.fromkeys(f"{pair.work.threads}" for pair in pairs))
    hardware = f"{cpu_name()}, {usable_cores()} cores"
    return ResultTable(
        name="validate",
        title="The virtual clock against the threads executor",
        source="this machine, by calibrate's functions",
        measures=MEASURES,
        rows=tuple(_row(pair) for pair in pairs),
        captions=(
            f"scale {request.scale}; predicted: simulated seconds on this machine's card; measured: real seconds of "
            f"the threads executor on {hardware}",
            f"{threads} torch thread(s) in each worker, OpenMP's idle threads wait by {of_process()['wait_policy']}, "
            f"malloc is that of {allocator()}; mean ± standard deviation of {options.rounds} epochs, methods in turns; "
            "residuals: medians of those within a round",
        ),
        notes=tuple(_notes(pairs)),
        conditions=Conditions(scale=request.scale, executor="virtual and threads", hardware=hardware, device="cpu"),
        reference="predicted",
    )


def _row(pair: Pair) -> ResultRow:
    seconds = cell(pair.measured, statistics.median(pair.predicted), source="the virtual clock")
    cells = seconds, cell(pair.residual_percent)
    return ResultRow(pair.work.network, pair.work.label, pair.method.name, pair.method.title, cells)


def _notes(pairs: Sequence[Pair]) -> Iterator[str]:
    for work, capacity in {pair.work.label: pair.capacity for pair in pairs}.items():
        yield f"{work}: {WORKERS} workers, each on a replica of its own, do {capacity:.2f} times the work of one."
    far = [pair for pair in pairs if abs(pair.residual_percent) > GOAL_PERCENT]
    if not far:
        yield f"All residuals are within {GOAL_PERCENT:g} %."
        return
    listed = ", ".join(f"{pair.method.title} on {pair.work.network} {pair.residual_percent:+.0f} %" for pair in far)
    yield f"Not within {GOAL_PERCENT:g} %: {listed}."
    yield (
        "What the card does not know: workers that share one replica fetch each other's weights and activations from "
        "another core's cache; at a meeting all wait for the slowest; the interpreter's lock."
    )


ANALYSIS = Analysis(
    "validate",
    "The virtual clock's seconds per epoch against real threads on this machine",
    "this machine",
    run,
    ValidateOptions,
    scaled=True,
)
