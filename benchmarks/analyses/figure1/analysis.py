"""Figure 1: who computes what when, drawn from an epoch of a method on the virtual clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from benchmarks.analyses.definition import Analysis, AnalysisOptions, Finding, Request, exact_cell
from benchmarks.errors import UserError
from benchmarks.hardware.price import Price
from methods.errors import unknown
from results.measures import Measure
from results.tables import Conditions, ResultRow, ResultTable

if TYPE_CHECKING:
    from benchmarks.analyses.figure1.timeline import Timeline
    from benchmarks.executors.virtual.spans import Span
    from reports.figures.timelines import Arrow, WorkerBar

SOURCE = "arXiv:2410.05985v1, Figure 1"
KINDS = {
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


def run(request: Request) -> Finding:
    """Draws one timeline, with its table, per method of the request; by default of Async LU."""
    chosen = request.methods or ("async_lu",)
    findings = [_timeline_of(request, name, "" if len(chosen) == 1 else f"-{name}") for name in chosen]
    return Finding(
        tuple(table for finding in findings for table in finding.tables),
        tuple(path for finding in findings for path in finding.pictures),
    )


def _timeline_of(request: Request, name: str, suffix: str) -> Finding:
    from benchmarks.analyses.figure1 import timeline
    from reports.figures import timelines

    options, method = request.options, request.method(name)
    if options.batches < method.replicas:
        raise UserError(f"{name} has {method.replicas} replicas: give figure1 at least as many batches.")
    price, layers, title_end = _network(request)
    watched = timeline.watch(method, price, layers, options.batches)
    unit, label = (1e3, "simulated milliseconds") if options.network else (1.0, "time in forward passes, T")
    title = f"{method.title}: {title_end}"
    pictures = timelines.timeline(
        watched.workers,
        watched.layers,
        [_bar(span, unit) for span in watched.spans],
        [replace(arrow, start=arrow.start * unit, end=arrow.end * unit) for arrow in arrows(watched)],
        request.figures / f"figure1{suffix}",
        title=title,
        x_label=label,
    )
    return Finding((_table(request, watched, f"figure1{suffix}", title),), pictures)


def _network(request: Request) -> tuple[Price, list[tuple[str, int]], str]:
    """Returns price, (name, parameters) of the layers, and words for a title."""
    options, networks = request.options, request.card.networks
    if not options.network:
        names = [(f"L{m}", 1) for m in range(1, options.layers + 1)]
        title_end = f"{options.layers} layers, β = {options.beta:g}, ideal devices"
        return Price.uniform(options.layers, 1.0, options.beta), names, title_end
    if options.network not in networks:
        raise UserError(unknown(f"network of {request.card.name}", options.network, tuple(networks)))
    network = networks[options.network]
    sizes = [int(size // 4) for size in network.parameter_bytes]
    names = list(zip(network.layers, sizes, strict=True))
    return request.card.price(network), names, f"{options.network}, hardware {request.card.name}"


def _bar(span: Span, unit: float) -> WorkerBar:
    from reports.figures import timelines

    layer = span.layers[0] if len(span.layers) == 1 else None
    kind: timelines.Kind = KINDS[span.effect]  # type: ignore[assignment]
    return timelines.WorkerBar(span.worker, kind, layer, span.step, span.start * unit, span.end * unit)


def arrows(watched: Timeline) -> Iterator[Arrow]:
    """Yields arrows between workers: from a loss to its backward pass, from an update to the next forward pass."""
    from reports.figures.timelines import Arrow

    forwards = [span for span in watched.spans if span.effect == "Forward"]
    last = {span.step: span for span in forwards if span.layers == (len(watched.layers) - 1,)}
    for span in watched.spans:
        loss = last.get(span.step)
        starts = span.effect == "Backward" and span.layers == (len(watched.layers) - 1,)
        if starts and loss is not None and loss.worker != span.worker:
            yield Arrow(loss.worker, loss.end, span.worker, span.start)
    if len(watched.spans) <= CROWDED:
        yield from _reads(watched, forwards)


def _reads(watched: Timeline, forwards: list[Span]) -> Iterator[Arrow]:
    """Yields arrows from a layer's update to the next forward pass of that layer in another worker."""
    from reports.figures.timelines import Arrow

    for update in (span for span in watched.spans if span.effect == "Update"):
        for layer in update.layers:
            passes = [f for f in forwards if f.layers == (layer,) and f.home == update.home]
            after = [f for f in passes if f.start >= update.end - 1e-9]
            first = min(after, key=lambda span: span.start, default=None)
            if first is not None and first.worker != update.worker:
                yield Arrow(update.worker, update.end, first.worker, first.start, layer)


def _table(request: Request, watched: Timeline, name: str, title: str) -> ResultTable:
    rows = []
    for worker in watched.workers:
        values = 100 * watched.busy_share(worker), watched.batches(worker), watched.makespan_seconds
        cells = tuple(exact_cell(float(value)) for value in values)
        rows.append(ResultRow("all", title, worker, worker.replace(" on device", ", device"), cells))
    priced = f"hardware {request.card.name}" if request.options.network else "ideal devices, a forward pass takes 1 s"
    return ResultTable(
        name=name,
        title=f"Timeline: {title}",
        source=SOURCE,
        measures=MEASURES,
        rows=tuple(rows),
        conditions=Conditions(
            executor="virtual", hardware=request.card.name if request.options.network else "ideal devices"
        ),
        captions=(f"virtual executor, {priced}: all seconds are simulated; {request.options.batches} batches",),
        notes=(
            "Busy: the share of the makespan in which a worker computes, updates or communicates.",
            "Forward and backward passes F and B carry the number of their batch, counted from 0 as in the paper.",
        ),
        group="Timeline",
        item="Worker",
    )


ANALYSIS = Analysis("figure1", "Decoupled backpropagation as a timeline", SOURCE, run, Figure1Options, paper="paper-a")
