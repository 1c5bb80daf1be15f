"""Section 3.4: how much longer a gradient waits under block updates than under layer-wise ones, by depth M.

All layers cost the same, beta T / M for the backward pass of one. Under LU a gradient is used as soon as it is there;
under BU that of layer m = 1 ... M (1 is nearest to the input, and computed last) waits for the m - 1 layers below it:
beta T (m - 1) / M. Summed over the layers this is beta T (M - 1) / 2, which the paper prints; its tau_m = beta T m / M
is off by one, and its "average over the layers" is not divided by M: the average is beta T (M - 1) / (2 M), which stays
below beta T / 2 however deep the network is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Annotated

from pydantic import Field

import methods
from benchmarks.analyses.definition import Analysis, AnalysisOptions, Finding, Request, Several, cell
from benchmarks.analyses.simulation import simulate_epoch
from benchmarks.executors.counts import LayerStaleness
from benchmarks.hardware.price import Price
from reports.figures.laws import Law, Panel, laws
from results.measures import Measure
from results.tables import Conditions, ResultRow, ResultTable

SOURCE = "arXiv:2410.05985v1, section 3.4"
ERRATUM = (
    "Erratum: the paper's τ = β T (M - 1) / 2 is the sum over the layers; it calls it their average, which is "
    "β T (M - 1) / (2 M) and stays below β T / 2. Its τ_m = β T m / M must be β T (m - 1) / M for the sum to be right."
)
WAIT = (
    "Wait: time from when a gradient is there to when its layer is updated, under BU less that under LU, in units of "
    "T, the time of a forward pass."
)
UPDATES = (
    "Stale updates: how many updates of a layer lie between its forward pass and the update by its gradient, averaged "
    "over the layers; under BU about as many as backward passes are under way at once, min(K, β T / T)."
)
MEASURES = (
    Measure("wait_sum", "Wait, summed over layers (T)", digits=3, exact=True),
    Measure("wait_mean", "Wait, mean per layer (T)", digits=3, exact=True),
    Measure("lu_updates", "Stale updates, LU", digits=3, exact=True),
    Measure("bu_updates", "Stale updates, BU", digits=3, exact=True),
)
IDEAL = Conditions(executor="virtual", hardware="ideal devices")
LAYER_MEASURES = (Measure("wait", "Wait (T)", digits=3, exact=True), *MEASURES[2:])
Depth = Annotated[int, Field(ge=1, le=1000)]
Beta = Annotated[float, Field(gt=0, le=1000)]


class StalenessOptions(AnalysisOptions):
    depths: Annotated[Several[Depth], Field(description="M, layers of the network")] = (
        2, 4, 8, 10, 16, 20, 32, 50,
    )  # fmt: skip
    betas: Annotated[Several[Beta], Field(description="beta T, the time of a backward pass at T = 1")] = (1, 2, 4)
    workers: Annotated[int, Field(ge=1, le=256, description="K, backward workers")] = 2
    batches: Annotated[int, Field(ge=1, le=100_000, description="b, batches of the stream")] = 100
    depth: Annotated[Depth, Field(description="M of the table layer by layer")] = 10


@dataclass(frozen=True)
class StalenessPoint:
    """Staleness simulated with LU and BU on one network, layer by layer, in units of T."""

    layers: int
    beta: float
    layerwise: Sequence[LayerStaleness]
    block: Sequence[LayerStaleness]

    @property
    def waits(self) -> list[float]:
        """Returns the additional wait of each layer's gradient under BU."""
        pairs = zip(self.block, self.layerwise, strict=True)
        return [block["wait_seconds"] - layerwise["wait_seconds"] for block, layerwise in pairs]

    @property
    def wait_sum(self) -> float:
        return math.fsum(self.waits)


def law_of_sum(layers: int, beta: float) -> float:
    """Returns the wait summed over the layers by the paper's formula, in units of T."""
    return beta * (layers - 1) / 2


def law_of_layer(layer: int, layers: int, beta: float) -> float:
    """Returns the wait of layer m (1 is nearest to the input), in units of T."""
    return beta * (layer - 1) / layers


def point(layers: int, beta: float, options: StalenessOptions) -> StalenessPoint:
    """Simulates one epoch of LU and one of BU, of uniform layers on ideal devices."""
    names, price = [(f"layer {m}", 1) for m in range(1, layers + 1)], Price.uniform(layers, 1.0, beta)
    measured = []
    for name in ("async_lu", "async_bu"):
        method = methods.create(name, {"backward_workers": options.workers})
        team = simulate_epoch(method, price, names, options.batches).team
        measured.append(team.accounts.staleness.per_layer())
    return StalenessPoint(layers, beta, *measured)


def run(request: Request) -> Finding:
    options: StalenessOptions = request.options
    points = [point(layers, beta, options) for beta in options.betas for layers in options.depths]
    shown = point(options.depth, options.betas[len(options.betas) // 2], options)
    pictures = _picture(points, shown, request.figures / "staleness")
    return Finding((_depth_table(options, points), _layer_table(options, shown)), pictures)


# ---- tables


def _depth_table(options: StalenessOptions, points: Sequence[StalenessPoint]) -> ResultTable:
    rows = []
    for p in points:
        law = law_of_sum(p.layers, p.beta)
        cells = (
            cell(p.wait_sum, law, source=SOURCE),
            cell(p.wait_sum / p.layers, law / p.layers, source=SOURCE),
            *(cell(fmean(layer["updates"] for layer in layers)) for layers in (p.layerwise, p.block)),
        )
        rows.append(ResultRow(f"beta={p.beta:g}", f"β T = {p.beta:g}", f"layers={p.layers}", f"M = {p.layers}", cells))
    # A single layer's gradient never waits: law and measurement are 0.
    deviations = [abs(p.wait_sum / law_of_sum(p.layers, p.beta) - 1) for p in points if p.layers > 1]
    return ResultTable(
        name="staleness",
        title="Relative staleness of block updates against layer-wise updates, by the depth M",
        source=SOURCE,
        measures=MEASURES,
        rows=tuple(rows),
        captions=(
            _caption(options),
            f"{len(points)} points: none is further off the law than {100 * max(deviations, default=0.0):.2g} %",
        ),
        notes=(ERRATUM, WAIT, UPDATES),
        conditions=IDEAL,
        reference="law",
        group="Backward pass",
        item="Layers",
    )


def _layer_table(options: StalenessOptions, point: StalenessPoint) -> ResultTable:
    network, rows = f"M = {point.layers}, β T = {point.beta:g}", []
    for m, (wait, layerwise, block) in enumerate(zip(point.waits, point.layerwise, point.block, strict=True), 1):
        law = law_of_layer(m, point.layers, point.beta)
        cells = cell(wait, law, source=SOURCE), cell(layerwise["updates"]), cell(block["updates"])
        rows.append(ResultRow("all", network, f"layer={m}", f"m = {m}", cells))
    return ResultTable(
        name="staleness-layers",
        title=f"Relative staleness layer by layer, {network}",
        source=SOURCE,
        measures=LAYER_MEASURES,
        rows=tuple(rows),
        captions=(_caption(options),),
        notes=("Layer 1 is the nearest to the input: its gradient is computed last, and does not wait.", ERRATUM),
        conditions=IDEAL,
        reference="law",
        group="Network",
        item="Layer",
    )


def _caption(options: StalenessOptions) -> str:
    return (
        f"virtual executor, ideal devices (uniform layers, links and updates free), K = {options.workers} backward "
        f"workers, b = {options.batches} batches; deterministic, no seeds"
    )


# ---- the picture


def _picture(points: Sequence[StalenessPoint], shown: StalenessPoint, stem: Path) -> tuple[Path, ...]:
    sums, means = [], []
    for beta in dict.fromkeys(p.beta for p in points):
        of_beta = [p for p in points if p.beta == beta]
        depths, waits = [p.layers for p in of_beta], [p.wait_sum for p in of_beta]
        law = [law_of_sum(m, beta) for m in depths]
        sums.append(Law(f"β T = {beta:g}", depths, law, measured=waits))
        law, waits = ([value / m for value, m in zip(values, depths, strict=True)] for values in (law, waits))
        means.append(Law(f"β T = {beta:g}", depths, law, measured=waits))
    numbers = range(1, shown.layers + 1)
    stale = [
        Law(f"{name}, β T = {shown.beta:g}", numbers, measured=[layer["updates"] for layer in layers], key=key)
        for name, layers, key in (("LU", shown.layerwise, "async_lu"), ("BU", shown.block, "async_bu"))
    ]
    panels = [
        Panel("summed over layers, as printed", "layers, M", "wait under BU - LU, in T", sums),
        Panel("mean per layer", "layers, M", "wait under BU - LU, in T", means),
        Panel(f"staleness, M = {shown.layers}", "layer, m", "updates since the forward pass", stale),
    ]
    return laws(panels, stem, title="Block updates against layer-wise updates: law (lines) and virtual runs (points)")


ANALYSIS = Analysis(
    "staleness",
    "Staleness of block against layer-wise updates, by depth",
    SOURCE,
    run,
    StalenessOptions,
    paper="paper-a",
)
