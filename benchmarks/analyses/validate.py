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

from benchmarks.analyses.definition import Analysis, AnalysisOptions, Finding, Request
from benchmarks.executors import registry as executors
from benchmarks.executors.accounting import Layer, Replica
from benchmarks.executors.team import SimulatedTeam, Team
from benchmarks.executors.virtual.sharing import OneMachine
from benchmarks.hardware.card import Card, NetworkSeconds
from benchmarks.hardware.cores import usable_cores
from benchmarks.hardware.price import Price
from benchmarks.runner import plan
from benchmarks.runner.environment import allocator, cpu_name, of_process
from benchmarks.runner.processes.memory import keep_freed_memory
from benchmarks.workloads.scales import TIMED
from benchmarks.workloads.workload import Workload, workload
from methods import Method
from results import statistics as summaries
from results.measures import Measure
from results.published import Published
from results.tables import Conditions, ResultCell, ResultRow, ResultTable

if TYPE_CHECKING:
    from benchmarks.runner.training import Training
    from benchmarks.workloads.data.load import DataSet

METHODS = ("bp", "async_lu", "async_bu", "lapsgd", "ddp")
WORKERS = 3
"""That the cores' capacity is measured with: as many as the methods have devices, by default."""
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

    predicted: simulated seconds per epoch, measured: real ones; one of each per round.
    """

    work: Workload
    method: Method
    predicted: tuple[float, ...]
    measured: tuple[float, ...]
    capacity: float

    @property
    def residual_percent(self) -> float:
        """Returns the median error of the predictions in percent, each against the measurement of its own round.

        A machine that is slow for some minutes is then slow on both sides of a ratio.
        """
        ratios = [predicted / real for predicted, real in zip(self.predicted, self.measured, strict=True)]
        return 100 * (statistics.median(ratios) - 1)


def run(request: Request) -> Finding:
    """Validates the requested methods and networks, by default METHODS on FAMILIES."""
    networks = request.networks_among(TIMED)
    keep_freed_memory()  # as every process that trains does
    pairs = [pair for network in networks for pair in _pairs(request, network)]
    return Finding((_table(request, pairs),))


def _pairs(request: Request, network: str) -> list[Pair]:
    from benchmarks.runner.calibration import Calibration
    from benchmarks.runner.training import load_data

    options: ValidateOptions = request.options
    work = workload(TIMED[network], network, request.scale, _samples(network, request))
    data = load_data(work, None)
    rivals = [_real(request.method(name), work, data) for name in request.methods or METHODS]
    card, times = Calibration(work, data, workers=WORKERS), [list[float]() for _ in rivals]
    for rival in rivals:
        _epoch(rival)  # warm up
    for _ in range(options.rounds):
        card.round()
        for rival, seconds in zip(rivals, times, strict=True):
            seconds.append(_epoch(rival))
    rounds = [slice(i, i + 1) for i in range(options.rounds)]
    prices = {
        shared: [replace(_price(card.seconds(i)), lane_capacity=card.capacity(i, shared=shared)) for i in rounds]
        for shared in (False, True)
    }
    return [
        Pair(work, rival.method, _predicted(prices[rival.method.replicas == 1], rival), tuple(seconds), card.capacity())
        for rival, seconds in zip(rivals, times, strict=True)
    ]


def _samples(network: str, request: Request) -> dict[str, str]:
    batches = request.options.batches
    batch = workload(TIMED[network], network, request.scale).batch
    return {} if batches is None else {"train_samples": str(batches * batch)}


# ---- measured


def _real(method: Method, work: Workload, data: DataSet) -> Training:
    from benchmarks.runner.training import Training

    executors.THREADS.check(method)
    spec = plan.alone(work, method, executor=executors.THREADS.name).spec
    return Training(spec, data, None)


def _epoch(training: Training) -> float:
    """Returns real seconds of the first epoch, at every call: methods whose phases differ stay in their first."""
    begun = time.perf_counter()
    training.team.begin_epoch(0)
    training.executor.run(training.method.workers(training.team))
    seconds = time.perf_counter() - begun
    training.team.accounts.end_epoch()  # who leaves batches out is not fast
    return seconds


# ---- predicted


def _predicted(prices: Sequence[Price], training: Training) -> tuple[float, ...]:
    team = training.team
    sizes = [(layer.name, layer.size) for layer in team.replica.layers]
    return tuple(
        predicted_seconds(training.method, price, sizes, steps=team.steps_per_epoch, epochs=team.epochs, like=team)
        for price in prices
    )


def _price(seconds: NetworkSeconds) -> Price:
    return Card(name="this-machine", title="", source="", flops_per_second=1.0).price(seconds)


def predicted_seconds(
    method: Method,
    price: Price,
    layers: Sequence[tuple[str, int]],
    *,
    steps: int,
    epochs: int,
    like: Team | None = None,
) -> float:
    """Simulates a first epoch whose workers share one machine, lane_capacity of them at full speed -> its seconds.

    price: of one worker by itself. layers: (name, parameters). like: a team of the same network.
    """
    replicas = [
        Replica(q, 0, [Layer(name, i, size, 0) for i, (name, size) in enumerate(layers)])
        for q in range(method.replicas)
    ]
    network, flops = ("", None) if like is None else (like.network, lambda: like.layer_flops)
    team = SimulatedTeam(
        replicas,
        steps_per_epoch=steps,
        epochs=epochs,
        network=network,
        flops=flops,
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
    predicted = Published(statistics.median(pair.predicted), None, None, "the virtual clock")
    cells = (
        ResultCell(predicted, summaries.summary(pair.measured)),
        ResultCell(None, summaries.Summary(pair.residual_percent, None, 1)),
    )
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
