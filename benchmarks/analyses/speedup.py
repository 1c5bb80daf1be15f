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
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

import methods
from benchmarks.analyses.definition import Analysis, AnalysisOptions, Finding, Request, Several, cell
from benchmarks.analyses.simulation import simulate_epoch
from benchmarks.hardware.price import Price
from reports.figures.laws import Law, Panel, laws
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


def law(batches: int, beta: float, workers: int, form: str = "corrected") -> float:
    """Returns the speed-up T1 / T2 for b batches. form: T1 "corrected" or as "printed"."""
    rounds, remainder = divmod(batches - 1, workers)
    asynchronous = 1 + remainder + rounds * max(workers, beta) + beta
    sequential = batches + beta if form == "printed" else batches * (1 + beta)
    return sequential / asynchronous


def law_of_long_stream(beta: float, workers: int) -> float:
    """Returns the speed-up for an endless stream of batches."""
    return (1 + beta) / max(1.0, beta / workers)


def epoch_seconds(price: Price, batches: int, method: str, **options: int) -> float:
    """Returns the simulated seconds of one epoch."""
    layers = [(f"layer{index}", 1) for index in range(len(price.forward))]
    return simulate_epoch(methods.create(method, options), price, layers, batches).now


def grid(options: SpeedupOptions, method: str = "async_lu") -> Iterator[SpeedupPoint]:
    """Yields a point for every (beta, b, K) of the options, simulated on ideal devices."""
    for beta, batches in product(options.betas, options.batches):
        price = Price.uniform(LAYERS, 1.0, beta)
        sequential = epoch_seconds(price, batches, "bp")
        for workers in options.workers:
            measured = sequential / epoch_seconds(price, batches, method, backward_workers=workers)
            yield SpeedupPoint(batches, beta, workers, law(batches, beta, workers, options.law), measured)


def run(request: Request) -> Finding:
    points = list(grid(request.options))
    tables = [_grid_table(request.options, points)]
    if request.card.networks:
        tables.append(_network_table(request))
    return Finding(tuple(tables), _picture(request.options, points, request.figures / "speedup"))


# ---- the law's grid


def _grid_table(options: SpeedupOptions, points: Sequence[SpeedupPoint]) -> ResultTable:
    rows = []
    for workers, batches in product(options.workers, options.batches):
        of_row = [point for point in points if (point.workers, point.batches) == (workers, batches)]
        cells = tuple(cell(point.measured, point.law, source=SOURCE) for point in of_row)
        rows.append(ResultRow(f"workers={workers}", f"K = {workers}", f"batches={batches}", f"b = {batches}", cells))
    worst = max(points, key=lambda point: point.deviation)
    worst_case = f" (b = {worst.batches}, β = {worst.beta:g}, K = {worst.workers})" if worst.deviation else ""
    notes = [
        ERRATUM,
        "Law: T1 / T2 with T2 = (1 + r + q max(K, β) + β) T and b - 1 = q K + r; with enough workers, K ≥ β, "
        "it is the paper's b (1 + β) / (b + β); for a long stream it becomes (1 + β) / max(1, β / K).",
    ]
    if options.law == "printed":
        notes.append("The printed T1 misses the measurement wherever b > 1: its quotient with the paper's T2 is 1.")
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
        notes=tuple(notes),
        conditions=Conditions(executor="virtual", hardware="ideal devices"),
        reference="law",
        group="Backward workers",
        item="Batches",
    )


def _picture(options: SpeedupOptions, points: Sequence[SpeedupPoint], stem: Path) -> tuple[Path, ...]:
    panels = []
    for workers in options.workers:
        lines = []
        for beta in options.betas:
            of_line = [point for point in points if (point.workers, point.beta) == (workers, beta)]
            laws_of_line, measured = [p.law for p in of_line], [p.measured for p in of_line]
            lines.append(Law(f"β = {beta:g}", [p.batches for p in of_line], laws_of_line, measured=measured))
        panels.append(Panel(f"K = {workers}", "batches, b", "speed-up, λ", lines, log_x=True))
    return laws(panels, stem, title="Async LU over backpropagation: law (lines) and virtual runs (points)")


# ---- the hardware card's networks


def _network_table(request: Request) -> ResultTable:
    """Returns speed-ups of a long stream on the card's networks, with free links and with the card's."""
    card, rows = request.card, []
    for name, network in card.networks.items():
        if request.networks and name not in request.networks:
            continue
        price = card.price(network)
        ideal = Price(price.forward, price.backward_inputs, price.backward_weights, [0.0] * len(price.forward))
        beta = price.backward_seconds / price.forward_seconds
        sequential = [epoch_seconds(p, LONG_STREAM, "bp") for p in (ideal, price)]
        for workers in request.options.workers:
            asynchronous = [epoch_seconds(p, LONG_STREAM, "async_lu", backward_workers=workers) for p in (ideal, price)]
            law_here = law_of_long_stream(beta, workers)
            cells = [cell(a / b, law_here, source=SOURCE) for a, b in zip(sequential, asynchronous, strict=True)]
            label = f"{name}, batch {network.batch}: β = {beta:.2f}"
            rows.append(ResultRow(name, label, f"workers={workers}", f"K = {workers}", tuple(cells)))
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


ANALYSIS = Analysis(
    "speedup",
    "Speed-up over backpropagation against the law",
    SOURCE,
    run,
    SpeedupOptions,
    paper="paper-a",
)
