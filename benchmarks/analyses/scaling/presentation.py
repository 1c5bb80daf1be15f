"""Tables and pictures of the scaling analysis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.analyses.definition import Request, exact_cell
from benchmarks.analyses.scaling import accuracy, formulas
from benchmarks.analyses.scaling.accuracy import Trained
from benchmarks.analyses.scaling.points import WORTH, Point, ScalingCurve
from results.measures import Measure
from results.published import Published
from results.statistics import summary
from results.tables import Conditions, ResultCell, ResultRow, ResultTable

if TYPE_CHECKING:
    from reports.figures.laws import Law, Panel

FORMULAS = "benchmarks/analyses/scaling/formulas.py"
SECONDS = "Seconds per epoch"
WAITING = "Waiting"
WEAK = (
    Measure("seconds_ring", f"{SECONDS}, ring", "s", digits=3, exact=True),
    Measure("waiting_ring", f"{WAITING}, ring", "%", exact=True),
    Measure("seconds_tree", f"{SECONDS}, tree", "s", digits=3, exact=True),
    Measure("seconds_constant", f"{SECONDS}, constant stragglers", "s", digits=3, exact=True),
    Measure("waiting_constant", f"{WAITING}, constant stragglers", "%", exact=True),
    Measure("seconds_tail", f"{SECONDS}, heavy tails", "s", digits=3),
    Measure("waiting_tail", f"{WAITING}, heavy tails", "%"),
)
STRONG = (
    Measure("seconds", SECONDS, "s", digits=3, exact=True),
    Measure("speedup", "Speed-up over 1 device", digits=1, exact=True),
    Measure("waiting", WAITING, "%", exact=True),
)
TRAINED = (
    Measure("accuracy_percent", "Accuracy", "%"),
    Measure("staleness_updates", "Staleness", "updates", digits=2),
)


def tables(request: Request, curves: Sequence[ScalingCurve], trained: Sequence[Trained]) -> tuple[ResultTable, ...]:
    """Returns tables of weak and strong scaling if simulated, and of accuracy if trained."""
    tables_made = []
    if curves:
        tables_made += [_weak(request, curves), _strong(request, curves)]
    if trained:
        tables_made.append(_accuracy(request, trained))
    return tuple(tables_made)


# ---- weak and strong scaling


def _weak(request: Request, curves: Sequence[ScalingCurve]) -> ResultTable:
    weak = [curve for curve in curves if curve.scaling == "weak"]
    by_condition = {(curve.method, curve.condition.key): curve for curve in weak}
    rows = []
    for first in dict.fromkeys(curve.method for curve in weak):
        for point in by_condition[first, "ring"].points:
            cells = []
            for measure in WEAK:
                quantity, _, condition = measure.key.partition("_")
                cells.append(_cell(by_condition[first, condition].at(point.devices), quantity))
            rows.append(_row(by_condition[first, "ring"], point, cells))
    options, steps = request.options, _steps(weak)
    slow = f"every eighth device loses {options.constant:g} steps before each batch (constant)"
    tail = (
        f"every device {options.tail:g} steps on average, Pareto with alpha {options.alpha:g} (heavy tails, seeds "
        f"{', '.join(map(str, request.seeds))}: mean and std)"
    )
    return replace(
        _table(request, weak, rows, WEAK),
        name="scaling",
        title=f"Weak scaling: every device has {steps} batches of its own",
        captions=(*_captions(request), f"stragglers: {slow}; or {tail}; both with ring all-reduces"),
        notes=(*_check(weak), *_gains(weak), *_what_it_is(request)),
    )


def _strong(request: Request, curves: Sequence[ScalingCurve]) -> ResultTable:
    strong = [curve for curve in curves if curve.scaling == "strong"]
    rows = []
    for curve in strong:
        first = curve.simulated[0] if curve.simulated else None
        for point in curve.points:
            speedup = ResultCell(reason=point.reason or "no single device")
            if point.runs and first is not None and first.devices == 1:
                speedup = exact_cell(first.seconds / point.seconds)
            rows.append(_row(curve, point, [_cell(point, "seconds"), speedup, _cell(point, "waiting")]))
    return replace(
        _table(request, strong, rows, STRONG),
        name="scaling-strong",
        title=f"Strong scaling: devices share an epoch of {request.options.batches:,} batches",
        captions=(
            *_captions(request),
            "no stragglers, ring; the batch per device stays what it is, so that the global batch grows with devices; "
            "batches that devices do not divide are dropped",
        ),
        notes=(*_check(strong), *_gains(strong)),
    )


def _table(
    request: Request, curves: Sequence[ScalingCurve], rows: Sequence[ResultRow], measures: tuple[Measure, ...]
) -> ResultTable:
    return ResultTable(
        name="",
        title="",
        source=f"the methods' own programs on the virtual clock; seconds of the card: {request.card.source}",
        measures=measures,
        rows=tuple(rows),
        conditions=Conditions(
            scale=request.scale,
            executor="virtual",
            hardware=request.card.name,
            seeds=request.seeds,
            runs=sum(len(point.runs) for curve in curves for point in curve.points),
        ),
        reference="formula",
        value="simulated",
        group="Method",
        item="Devices",
    )


def _row(curve: ScalingCurve, point: Point, cells: Sequence[ResultCell]) -> ResultRow:
    label = f"{point.devices:,} device" + "s" * (point.devices > 1)
    return ResultRow(curve.method, curve.title, f"devices={point.devices}", label, tuple(cells))


def _cell(point: Point | None, quantity: str) -> ResultCell:
    if point is None or not point.runs:
        return ResultCell(reason=point.reason if point is not None else "not simulated")
    if quantity == "waiting":
        return ResultCell(None, summary([100 * run.waiting for run in point.runs]))
    law = None if point.law is None else Published(point.law, None, None, FORMULAS)
    return ResultCell(law, summary([run.seconds for run in point.runs]))


def _steps(curves: Sequence[ScalingCurve]) -> int:
    return next(point.runs[0].steps for curve in curves for point in curve.simulated)


def _captions(request: Request) -> tuple[str, ...]:
    network = next(iter(request.networks), "resnet18")
    description = request.card.networks[network].what
    return (
        f"scale {request.scale}; virtual executor, hardware {request.card.name}: all seconds are simulated; no "
        f"tensors; {description}, its {request.options.layers} updated as units",
    )


def _check(curves: Sequence[ScalingCurve]) -> Iterator[str]:
    pairs = [(curve.method, point.seconds / point.law) for curve in curves for point in curve.points if point.law]
    exact = [abs(ratio - 1) for method, ratio in pairs if method in formulas.EXACT]
    if exact:
        yield (
            f"Formulas of BP, DDP and L-SGD: of {len(exact)} points none is further off than {100 * max(exact):.2g} %."
        )
    bounded = [ratio for method, ratio in pairs if method in formulas.BOUNDED]
    if bounded:
        below = sum(ratio < 1 - 1e-9 for ratio in bounded)
        yield (
            f"Those of LAP-SGD and PD-ASGD are lower bounds: {below or 'none'} of {len(bounded)} points below; "
            f"at most {max(bounded):.4g} times the bound."
        )


def _gains(curves: Sequence[ScalingCurve]) -> Iterator[str]:
    yield (
        "A method gains up to the most devices to which, from the number of devices before it in this table, batches "
        f"per second grew by at least {100 * WORTH:g} % of what devices grew by:"
    )
    for condition in dict.fromkeys(curve.condition.label for curve in curves):
        of_condition = [curve for curve in curves if curve.condition.label == condition]
        limits = [f"{curve.title} {_until(curve)}" for curve in of_condition if curve.gains_until is not None]
        if limits:
            yield f"{condition}: {'; '.join(limits)}."


def _until(curve: ScalingCurve) -> str:
    last, most = curve.gains_until, curve.simulated[-1].devices
    if last != most:
        return f"gains up to {last:,}"
    return f"gains up to {most:,}, the most that were simulated"


def _what_it_is(request: Request) -> Iterator[str]:
    yield (
        "Waiting: of the devices' time from an epoch's begin to its end, the share in which nothing was under way on "
        "them; a straggler's own delay is not waiting."
    )
    yield from request.card.remarks


# ---- accuracy


def _accuracy(request: Request, trained: Sequence[Trained]) -> ResultTable:
    rows = []
    for training in trained:
        cells = [ResultCell(None, summary(values)) for values in (training.accuracy, training.staleness)]
        label = f"{training.devices} device" + "s" * (training.devices > 1)
        rows.append(ResultRow(training.method, training.title, f"devices={training.devices}", label, tuple(cells)))
    work = accuracy.work_of(request)
    return ResultTable(
        name="scaling-accuracy",
        title="What devices do to accuracy, as many epochs for all",
        source="trained here, true numerics on simulated devices",
        measures=TRAINED,
        rows=tuple(rows),
        captions=(
            f"scale smoke, whatever is asked for: {work.label}, batch {work.batch} per device, {work.epochs} epochs of "
            f"{work.train_samples} samples; virtual executor, hardware {request.card.name}; seeds "
            f"{', '.join(map(str, request.seeds))}: mean and std after the last epoch",
            f"the learning rate is the same for any number of devices; LAP-SGD and L-SGD average every "
            f"{accuracy.PERIOD} updates",
        ),
        notes=(
            "Not the paper's numbers: a narrow network on scikit-learn's digits, six epochs, one learning rate.",
            "Devices that share an epoch make fewer updates each: DDP and L-SGD lose accuracy by that alone, and are "
            "not stale. PD-ASGD makes every update on every device, of gradients that are as stale as is said.",
        ),
        conditions=Conditions(
            scale="smoke",
            executor="virtual",
            hardware=request.card.name,
            device="cpu",
            seeds=request.seeds,
            runs=len(request.seeds) * len(trained),
        ),
        group="Method",
        item="Devices",
    )


# ---- the picture


def picture(request: Request, curves: Sequence[ScalingCurve], trained: Sequence[Trained]) -> tuple[Path, ...]:
    """Draws the panels: points are simulated, lines are formulas."""
    from reports.figures.laws import laws

    panels = [*_panels(curves), *_trained(trained)]
    contents = ["simulated (points), formulas (lines)"] if curves else []
    contents += [f"trained, {len(request.seeds)} seeds"] if trained else []
    title = f"{'; '.join(contents)}\ndevices of the card {request.card.name}"
    return laws(panels, request.figures / "scaling", title=title[0].upper() + title[1:])


def _panels(curves: Sequence[ScalingCurve]) -> Iterator[Panel]:
    from reports.figures.laws import Panel

    for scaling in ("weak", "strong"):
        its = [curve for curve in curves if curve.scaling == scaling]
        for label in dict.fromkeys(curve.condition.label for curve in its):
            of_condition = [curve for curve in its if curve.condition.label == label and curve.simulated]
            title = f"{scaling} scaling, {label}"
            yield Panel(title, "devices", "efficiency, %", [_efficiency(curve) for curve in of_condition], log_x=True)
    for key in ("ring", "constant", "tail"):
        of_condition = [c for c in curves if (c.scaling, c.condition.key) == ("weak", key) and c.simulated]
        if of_condition:
            lines = [_waiting(curve) for curve in of_condition]
            yield Panel(f"weak scaling, {of_condition[0].condition.label}", "devices", "waiting, %", lines, log_x=True)


def _trained(trained: Sequence[Trained]) -> Iterator[Panel]:
    """Yields panels of accuracy and staleness over devices: means of the seeds, with their standard deviations."""
    from reports.figures.laws import Panel

    if trained:
        yield Panel("true numerics, scale smoke", "devices", "accuracy, %", _lines(trained, "accuracy"), log_x=True)
        yield Panel("true numerics, scale smoke", "devices", "staleness, updates", _lines(trained, "staleness"), True)


def _lines(trained: Sequence[Trained], quantity: str) -> list[Law]:
    from reports.figures.laws import Law

    lines = []
    for title in dict.fromkeys(training.title for training in trained):
        of_title = [training for training in trained if training.title == title]
        summaries = [summary(getattr(training, quantity)) for training in of_title]
        means, stds = [value.mean or 0.0 for value in summaries], [value.std or 0.0 for value in summaries]
        spans = [(mean - std, mean + std) for mean, std in zip(means, stds, strict=True)]
        lines.append(
            Law(title, [training.devices for training in of_title], measured=means, key=of_title[0].method, spans=spans)
        )
    return lines


def _efficiency(curve: ScalingCurve) -> Law:
    """Returns the line of batches per second and device, in percent of those on the fewest devices."""
    from reports.figures.laws import Law

    first, points = curve.simulated[0], curve.simulated
    per_device = first.batches_per_second / first.devices
    with_law = [point for point in points if point.law is not None]
    exact = len(with_law) == len(points) and curve.method in formulas.EXACT
    law = [100 * point.runs[0].steps / (point.law or 1.0) / per_device for point in with_law] if exact else []
    measured = [100 * point.batches_per_second / point.devices / per_device for point in points]
    return Law(curve.title, [point.devices for point in points], law, measured=measured, key=curve.method)


def _waiting(curve: ScalingCurve) -> Law:
    from reports.figures.laws import Law

    waiting = [point.waiting for point in curve.simulated]
    return Law(curve.title, [point.devices for point in curve.simulated], measured=waiting, key=curve.method)
