"""Figure 1: who computes what when, drawn from an epoch of a method on the virtual clock."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from benchmarks.analyses.definition import Analysis, AnalysisOptions, Finding, Request, cell
from benchmarks.analyses.simulation import Layers, team_of
from benchmarks.errors import UserError
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.executors.virtual.spans import Span
from benchmarks.hardware.price import Price
from methods import Method
from methods.errors import unknown
from reports.figures import timelines
from reports.figures.timelines import Arrow, Kind, WorkerBar
from results.measures import Measure
from results.tables import Conditions, ResultRow, ResultTable

SOURCE = "arXiv:2410.05985v1, Figure 1"
KINDS: dict[str, Kind] = {
    "Forward": "forward",
    "Backward": "backward",
    "Update": "update",
    "Accumulate": "update",
    "Compress": "update",
    "AllReduce": "exchange",
    "Average": "exchange",
    "Snapshot": "snapshot",
    "Anchor": "snapshot",
    "Delta": "snapshot",
    "Outer": "update",
    "Mix": "update",
}
MEASURES = (
    Measure("busy_percent", "Busy (%)", digits=1, exact=True),
    Measure("batches", "Batches", digits=0, exact=True),
    Measure("makespan_seconds", "Makespan (s)", digits=4, exact=True),
)
CROWDED = 400  # bars beyond which layer-wise arrows would hide them


class Figure1Options(AnalysisOptions):
    layers: Annotated[int, Field(ge=1, le=100, description="M, layers of the sketch's network")] = 3
    batches: Annotated[int, Field(ge=1, le=100, description="b, batches of the epoch")] = 4
    beta: Annotated[float, Field(gt=0, le=100, description="a backward pass over a forward pass of the sketch")] = 2.0
    network: Annotated[str, Field(description="a network of the hardware card instead of the sketch")] = ""


@dataclass(frozen=True)
class Timeline:
    """An epoch: its workers in the method's order, and their spans as they ended; steps are counted from 0."""

    workers: tuple[str, ...]
    layers: tuple[str, ...]
    spans: tuple[Span, ...]
    makespan_seconds: float

    def of(self, worker: str, *effects: str) -> list[Span]:
        """Returns the worker's spans, of these effects if any are named."""
        return [span for span in self.spans if span.worker == worker and (not effects or span.effect in effects)]

    def busy_share(self, worker: str) -> float:
        """Returns the share of the makespan in which the worker computes, updates or communicates."""
        busy = math.fsum(span.seconds for span in self.of(worker))
        return busy / self.makespan_seconds if self.makespan_seconds else 0.0

    def batches(self, worker: str) -> int:
        """Returns the number of batches of which the worker computed something."""
        return len({span.step for span in self.of(worker, "Forward", "Backward")})


def timeline(method: Method, price: Price, layers: Layers, batches: int) -> Timeline:
    """Simulates one epoch. Batches that the method's replicas do not divide are dropped."""
    team, spans = team_of(method, layers, batches), list[Span]()
    workers = list(method.workers(team))
    executor = VirtualExecutor(team, price, spans.append)
    executor.run(workers)
    first = team.epoch * team.steps_per_epoch
    counted = [replace(span, step=None if span.step is None else span.step - first) for span in spans if span.layers]
    names = tuple(worker.name for worker in workers)
    return Timeline(names, tuple(name for name, _ in layers), tuple(counted), executor.now)


def run(request: Request) -> Finding:
    """Draws one timeline, with its table, per method of the request; by default of Async LU."""
    names = request.methods or ("async_lu",)
    findings = [_finding(request, name, "figure1" if len(names) == 1 else f"figure1-{name}") for name in names]
    return Finding(
        tuple(table for finding in findings for table in finding.tables),
        tuple(path for finding in findings for path in finding.pictures),
    )


def _finding(request: Request, method_name: str, name: str) -> Finding:
    options, method = request.options, request.method(method_name)
    if options.batches < method.replicas:
        raise UserError(f"{method_name} has {method.replicas} replicas: give figure1 at least as many batches.")
    price, layers, where = _network(request)
    shown = timeline(method, price, layers, options.batches)
    unit, label = (1e3, "simulated milliseconds") if options.network else (1.0, "time in forward passes, T")
    title = f"{method.title}: {where}"
    bars = []
    for span in shown.spans:
        layer = span.layers[0] if len(span.layers) == 1 else None
        times = span.start * unit, span.end * unit
        bars.append(WorkerBar(span.worker, KINDS[span.effect], layer, span.step, *times))
    pictures = timelines.timeline(
        shown.workers,
        shown.layers,
        bars,
        [replace(arrow, start=arrow.start * unit, end=arrow.end * unit) for arrow in arrows(shown)],
        request.figures / name,
        title=title,
        x_label=label,
    )
    return Finding((_table(request, shown, name, title),), pictures)


def _network(request: Request) -> tuple[Price, Layers, str]:
    """Returns the price, the layers, and words for a title."""
    options, networks = request.options, request.card.networks
    if not options.network:
        layers = [(f"L{m}", 1) for m in range(1, options.layers + 1)]
        where = f"{options.layers} layers, β = {options.beta:g}, ideal devices"
        return Price.uniform(options.layers, 1.0, options.beta), layers, where
    if options.network not in networks:
        raise UserError(unknown(f"network of {request.card.name}", options.network, tuple(networks)))
    network = networks[options.network]
    layers = [(layer, int(size // 4)) for layer, size in zip(network.layers, network.parameter_bytes, strict=True)]
    return request.card.price(network), layers, f"{options.network}, hardware {request.card.name}"


def arrows(shown: Timeline) -> Iterator[Arrow]:
    """Yields arrows from a loss to its backward pass in another worker, and from updates to the passes that read them.

    The latter start at a layer's update and end at the next forward pass of that layer in another worker.
    """
    forwards = [span for span in shown.spans if span.effect == "Forward"]
    last_layer = (len(shown.layers) - 1,)
    last = {span.step: span for span in forwards if span.layers == last_layer}
    for span in shown.spans:
        loss = last.get(span.step)
        starts = span.effect == "Backward" and span.layers == last_layer
        if starts and loss is not None and loss.worker != span.worker:
            yield Arrow(loss.worker, loss.end, span.worker, span.start)
    if len(shown.spans) > CROWDED:
        return
    for update in (span for span in shown.spans if span.effect == "Update"):
        for layer in update.layers:
            passes = [span for span in forwards if span.layers == (layer,) and span.home == update.home]
            after = [span for span in passes if span.start >= update.end - 1e-9]
            first = min(after, key=lambda span: span.start, default=None)
            if first is not None and first.worker != update.worker:
                yield Arrow(update.worker, update.end, first.worker, first.start, layer)


def _table(request: Request, shown: Timeline, name: str, title: str) -> ResultTable:
    rows = []
    for worker in shown.workers:
        values = 100 * shown.busy_share(worker), shown.batches(worker), shown.makespan_seconds
        cells = tuple(cell(float(value)) for value in values)
        rows.append(ResultRow("all", title, worker, worker.replace(" on device", ", device"), cells))
    hardware, priced = "ideal devices", "ideal devices, a forward pass takes 1 s"
    if request.options.network:
        hardware, priced = request.card.name, f"hardware {request.card.name}"
    return ResultTable(
        name=name,
        title=f"Timeline: {title}",
        source=SOURCE,
        measures=MEASURES,
        rows=tuple(rows),
        conditions=Conditions(executor="virtual", hardware=hardware),
        captions=(f"virtual executor, {priced}: all seconds are simulated; {request.options.batches} batches",),
        notes=(
            "Busy: the share of the makespan in which a worker computes, updates or communicates.",
            "Forward and backward passes F and B carry the number of their batch, counted from 0 as in the paper.",
        ),
        group="Timeline",
        item="Worker",
    )


ANALYSIS = Analysis("figure1", "Decoupled backpropagation as a timeline", SOURCE, run, Figure1Options, paper="paper-a")
