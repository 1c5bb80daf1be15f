"""Section 3.3: the speed-up of decoupled backpropagation over plain backpropagation, simulated and by the law.

A forward pass takes T, a backward pass beta T, there are b batches and K backward workers that meet the forward worker
in a rendezvous. With b - 1 = q K + r, 0 <= r < K, the last backward pass ends after

    T2 = (1 + r + q max(K, beta) + beta) T

since every K batches the forward worker waits until the first of K backward passes is over, if these take longer. With
enough workers (K >= beta) this is the paper's T2 = (b + beta) T; for a long stream b / T2 becomes 1 / max(1, beta / K).
Backpropagation takes T1 = b (1 + beta) T, where the paper prints (b + beta) T; its speed-up lambda = b (1 + beta) / (b
+ beta) follows from the former.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

import methods
from benchmarks.analyses.definition import Analysis, AnalysisOptions, Finding, Request, Several, exact_cell
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.price import Price
from methods import Method
from results.measures import Measure
from results.tables import Conditions, ResultRow, ResultTable

SOURCE = "arXiv:2410.05985v1, section 3.3"
ERRATUM = (
    "Erratum: the paper prints T1 = (b + β) T for backpropagation; it must be b (1 + β) T, from which its "
    "λ = b (1 + β) / (b + β) does follow. speedup.law=printed lays the printed T1 beside the measurement."
)
LAYERS = 2  # of the uniform network; the law does not depend on it
LONG_STREAM = 390  # batches of 128 in an epoch of 50,000 images
TWO_DIGITS: dict[str, Any] = {"digits": 2, "exact": True}
Batches = Annotated[int, Field(ge=1, le=100_000)]
Beta = Annotated[float, Field(gt=0, le=1000)]
Workers = Annotated[int, Field(ge=1, le=256)]


class SpeedupOptions(AnalysisOptions):
    batches: Annotated[Several[Batches], Field(description="b, batches of the stream")] = (
        1, 2, 4, 8, 16, 64, 256, 1000,
    )  # fmt: skip
    betas: Annotated[Several[Beta], Field(description="a backward pass over a forward pass")] = (
        1, 1.5, 2, 2.5, 3, 4,
    )  # fmt: skip
    workers: Annotated[Several[Workers], Field(description="K, backward workers")] = (1, 2, 3, 4, 6)
    law: Annotated[
        Literal["corrected", "printed"], Field(description="T1 = b (1 + beta) T, or (b + beta) T as the paper prints")
    ] = "corrected"


@dataclass(frozen=True)
class SpeedupPoint:
    """One simulated speed-up beside the law's."""

    batches: int
    beta: float
    workers: int
    law: float
    measured: float

    @property
    def deviation(self) -> float:
        return abs(self.measured / self.law - 1)


def asynchronous_time(batches: int, beta: float, workers: int) -> float:
    """Returns the time of asynchronous training, the paper's T2, in units of T; exact."""
    rounds, remainder = divmod(batches - 1, workers)
    return 1 + remainder + rounds * max(workers, beta) + beta


def law(batches: int, beta: float, workers: int, form: str = "corrected") -> float:
    """Returns the speed-up T1 / T2 for so many batches. form: T1 "corrected" or as "printed"."""
    sequential = batches + beta if form == "printed" else batches * (1 + beta)
    return sequential / asynchronous_time(batches, beta, workers)


def long_stream(beta: float, workers: int) -> float:
    """Returns the speed-up of an endless stream of batches."""
    return (1 + beta) / max(1.0, beta / workers)


def epoch_seconds(method: Method, price: Price, batches: int) -> float:
    """Returns the simulated seconds of one epoch of so many batches, in the method's last phase."""
    layers = [(f"layer{index}", 1) for index in range(len(price.forward))]
    team = SimulatedTeam.of(layers, replicas=method.replicas, steps_per_epoch=batches)
    team.accounts.epoch = team.epochs
    executor = VirtualExecutor(team, price)
    executor.run(method.workers(team))
    team.accounts.end_epoch()
    return executor.now


def grid(options: SpeedupOptions, method: str = "async_lu") -> Iterator[SpeedupPoint]:
    """Yields a point for every (K, b, beta) of the options, simulated on ideal devices."""
    for beta in options.betas:
        price = Price.uniform(LAYERS, 1.0, beta)
        for batches in options.batches:
            sequential_seconds = epoch_seconds(methods.create("bp"), price, batches)
            for workers in options.workers:
                asynchronous = methods.create(method, {"backward_workers": workers})
                measured = sequential_seconds / epoch_seconds(asynchronous, price, batches)
                yield SpeedupPoint(batches, beta, workers, law(batches, beta, workers, options.law), measured)


def run(request: Request) -> Finding:
    points = list(grid(request.options))
    tables = [_grid_table(request.options, points)]
    if request.card.networks:
        tables.append(_network_table(request))
    return Finding(tuple(tables), _picture(request.options, points, request.figures / "speedup"))


# ---- the law's grid


def _grid_table(options: SpeedupOptions, points: Sequence[SpeedupPoint]) -> ResultTable:
    by_parameters = {(point.workers, point.batches, point.beta): point for point in points}
    rows = [
        ResultRow(
            f"workers={workers}",
            f"K = {workers}",
            f"batches={batches}",
            f"b = {batches}",
            tuple(
                exact_cell(
                    by_parameters[workers, batches, beta].measured, by_parameters[workers, batches, beta].law, SOURCE
                )
                for beta in options.betas
            ),
        )
        for workers in options.workers
        for batches in options.batches
    ]
    worst = max(points, key=lambda point: point.deviation)
    worst_case = f" (b = {worst.batches}, β = {worst.beta:g}, K = {worst.workers})" if worst.deviation else ""
    return ResultTable(
        name="speedup",
        title="Speed-up of Async LU over backpropagation, by batches b, β and backward workers K",
        source=SOURCE,
        measures=tuple(Measure(f"speedup_beta_{beta:g}", f"β = {beta:g}", **TWO_DIGITS) for beta in options.betas),
        rows=tuple(rows),
        captions=(
            "virtual executor, ideal devices (uniform layers, links and updates free); deterministic, no seeds",
            f"K: backward workers; {len(points)} points, law {options.law}: none is further off than "
            f"{100 * worst.deviation:.2g} %{worst_case}",
        ),
        notes=tuple(_notes(options)),
        conditions=Conditions(executor="virtual", hardware="ideal devices"),
        reference="law",
        group="Backward workers",
        item="Batches",
    )


def _notes(options: SpeedupOptions) -> Iterator[str]:
    yield ERRATUM
    yield (
        "Law: T1 / T2 with T2 = (1 + r + q max(K, β) + β) T and b - 1 = q K + r; with enough workers, K ≥ β, "
        "it is the paper's b (1 + β) / (b + β); for a long stream it becomes (1 + β) / max(1, β / K)."
    )
    if options.law == "printed":
        yield "The printed T1 misses the measurement wherever b > 1: its quotient with the paper's T2 is 1."


def _picture(options: SpeedupOptions, points: Sequence[SpeedupPoint], stem: Path) -> tuple[Path, ...]:
    from reports.figures.laws import Law, Panel, laws

    panels = []
    for workers in options.workers:
        lines = []
        for beta in options.betas:
            of_line = [point for point in points if (point.workers, point.beta) == (workers, beta)]
            xs = [point.batches for point in of_line]
            lines.append(
                Law(f"β = {beta:g}", xs, [p.law for p in of_line], measured=[point.measured for point in of_line])
            )
        panels.append(Panel(f"K = {workers}", "batches, b", "speed-up, λ", lines, log_x=True))
    return laws(panels, stem, title="Async LU over backpropagation: law (lines) and virtual runs (points)")


# ---- the hardware card's networks


def _network_table(request: Request) -> ResultTable:
    """Returns speed-ups of a long stream on the card's networks, with free links and with the card's."""
    card, options = request.card, request.options
    rows = []
    for name, network in card.networks.items():
        if request.networks and name not in request.networks:
            continue
        price = card.price(network)
        beta = price.backward_seconds / price.forward_seconds
        for workers in options.workers:
            values = [_long_stream_speedup(variant, workers) for variant in (_ideal(price), price)]
            cells = tuple(exact_cell(value, long_stream(beta, workers), SOURCE) for value in values)
            label = f"{name}, batch {network.batch}: β = {beta:.2f}"
            rows.append(ResultRow(name, label, f"workers={workers}", f"K = {workers}", cells))
    return ResultTable(
        name="speedup-networks",
        title=f"Speed-up of Async LU over backpropagation, networks of the hardware card {card.name}",
        source=f"{SOURCE}; seconds of the card: {card.source}",
        measures=(
            Measure("speedup_ideal", "Links and updates free", **TWO_DIGITS),
            Measure("speedup_card", "As the card prices them", **TWO_DIGITS),
        ),
        rows=tuple(rows),
        captions=(f"virtual executor, hardware {card.name}; a stream of {LONG_STREAM} batches; no seeds",),
        conditions=Conditions(executor="virtual", hardware=card.name),
        notes=(
            "Law: (1 + β) / max(1, β / K), an endless stream on ideal devices. For scale: paper A measured 1.83 to "
            "1.86 for ResNet-18 and 2.02 for ResNet-50 on 3 GPUs (Tables 7 and 8).",
            "The second column has the card's links and updates, too: each layer's update pays its launch and its way.",
        ),
        reference="law",
        item="Workers",
    )


def _long_stream_speedup(price: Price, workers: int) -> float:
    sequential_seconds = epoch_seconds(methods.create("bp"), price, LONG_STREAM)
    return sequential_seconds / epoch_seconds(
        methods.create("async_lu", {"backward_workers": workers}), price, LONG_STREAM
    )


def _ideal(price: Price) -> Price:
    """Returns a copy with the same seconds of computing, no delays, and free links and updates."""
    return Price(price.forward, price.backward_inputs, price.backward_weights, [0.0] * len(price.forward))


ANALYSIS = Analysis(
    "speedup",
    "Speed-up over backpropagation against the law",
    SOURCE,
    run,
    SpeedupOptions,
    paper="paper-a",
)
