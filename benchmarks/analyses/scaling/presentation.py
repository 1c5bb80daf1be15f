"""Tables and pictures of the scaling analysis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.analyses.definition import Request, cell
from benchmarks.analyses.scaling import accuracy, formulas
from benchmarks.analyses.scaling.accuracy import Trained
from benchmarks.analyses.scaling.curves import WORTH, Point, ScalingCurve
from reports.figures.laws import Law, Panel, laws
from results.measures import Measure
from results.statistics import summary
from results.tables import Conditions, ResultCell, ResultRow, ResultTable

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
    scaling = (_weak(request, curves), _strong(request, curves)) if curves else ()
    return (*scaling, _accuracy(request, trained)) if trained else scaling


# ---- weak and strong scaling


def _weak(request: Request, curves: Sequence[ScalingCurve]) -> ResultTable:
    weak = [curve for curve in curves if curve.scaling == "weak"]
    points = {(curve.method, curve.condition.key, point.devices): point for curve in weak for point in curve.points}
    rows = []
    for curve in weak:
        for point in curve.points if curve.condition.key == "ring" else ():
            cells = []
            for measure in WEAK:
                quantity, _, condition = measure.key.partition("_")
                cells.append(_cell(points[curve.method, condition, point.devices], quantity))
            rows.append(_row(curve, point, cells))
    options, steps = request.options, next(point.runs[0].steps for point in points.values() if point.runs)
    slow = f"every eighth device loses {options.constant:g} steps before each batch (constant)"
    tail = (
        f"every device {options.tail:g} steps on average, Pareto with alpha {options.alpha:g} (heavy tails, seeds "
        f"{', '.join(map(str, request.seeds))}: mean and std)"
    )
    return _table(request, weak, rows)(
        name="scaling",
        title=f"Weak scaling: every device has {steps} batches of its own",
        measures=WEAK,
        captions=(_caption(request), f"stragglers: {slow}; or {tail}; both with ring all-reduces"),
        notes=(
            *_check(weak),
            *_gains(weak),
            "Waiting: of the devices' time from an epoch's begin to its end, the share in which nothing was under way "
            "on them; a straggler's own delay is not waiting.",
            *request.card.remarks,
        ),
    )


def _strong(request: Request, curves: Sequence[ScalingCurve]) -> ResultTable:
    strong = [curve for curve in curves if curve.scaling == "strong"]
    rows = []
    for curve in strong:
        alone = next((point.seconds for point in curve.simulated if point.devices == 1), None)
        for point in curve.points:
            speedup = cell(None, reason=point.reason or "no single device")
            if point.runs and alone is not None:
                speedup = cell(alone / point.seconds)
            rows.append(_row(curve, point, [_cell(point, "seconds"), speedup, _cell(point, "waiting")]))
    return _table(request, strong, rows)(
        name="scaling-strong",
        title=f"Strong scaling: devices share an epoch of {request.options.batches:,} batches",
        measures=STRONG,
        captions=(
            _caption(request),
            "no stragglers, ring; the batch per device stays what it is, so that the global batch grows with devices; "
            "batches that devices do not divide are dropped",
        ),
        notes=(*_check(strong), *_gains(strong)),
    )


def _table(request: Request, curves: Sequence[ScalingCurve], rows: Sequence[ResultRow]) -> partial[ResultTable]:
    """Returns a table that still needs a name, a title, measures, captions and notes."""
    runs = sum(len(point.runs) for curve in curves for point in curve.points)
    return partial(
        ResultTable,
        source=f"the methods' own programs on the virtual clock; seconds of the card: {request.card.source}",
        rows=tuple(rows),
        conditions=Conditions(request.scale, "virtual", request.card.name, seeds=request.seeds, runs=runs),
        reference="formula",
        value="simulated",
        group="Method",
        item="Devices",
    )


def _row(of: ScalingCurve | Trained, point: Point | Trained, cells: Sequence[ResultCell]) -> ResultRow:
    label = f"{point.devices:,} device{'s' * (point.devices > 1)}"
    return ResultRow(of.method, of.title, f"devices={point.devices}", label, tuple(cells))


def _cell(point: Point, quantity: str) -> ResultCell:
    if quantity == "waiting":
        return cell([100 * run.waiting for run in point.runs] or None, reason=point.reason)
    return cell([run.seconds for run in point.runs] or None, point.law, source=FORMULAS, reason=point.reason)


def _caption(request: Request) -> str:
    network = request.card.networks[next(iter(request.networks), "resnet18")]
    return (
        f"scale {request.scale}; virtual executor, hardware {request.card.name}: all seconds are simulated; no "
        f"tensors; {network.what}, its {request.options.layers} updated as units"
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
    limits: dict[str, list[str]] = {}
    for curve in curves:
        if (last := curve.gains_until) is not None:
            end = ", the most that were simulated" if last == curve.simulated[-1].devices else ""
            limits.setdefault(curve.condition.label, []).append(f"{curve.title} gains up to {last:,}{end}")
    yield from (f"{condition}: {'; '.join(texts)}." for condition, texts in limits.items())


# ---- accuracy


def _accuracy(request: Request, trained: Sequence[Trained]) -> ResultTable:
    work = accuracy.work_of(request)
    return ResultTable(
        name="scaling-accuracy",
        title="What devices do to accuracy, as many epochs for all",
        source="trained here, true numerics on simulated devices",
        measures=TRAINED,
        rows=tuple(_row(item, item, [cell(item.accuracy), cell(item.staleness)]) for item in trained),
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
    panels = [*_efficiency(curves), *_waiting(curves)]
    contents = ["simulated (points), formulas (lines)"] if curves else []
    if trained:
        title = "true numerics, scale smoke"
        panels.append(Panel(title, "devices", "accuracy, %", _lines(trained, "accuracy"), log_x=True))
        panels.append(Panel(title, "devices", "staleness, updates", _lines(trained, "staleness"), log_x=True))
        contents.append(f"trained, {len(request.seeds)} seeds")
    words = f"{'; '.join(contents)}\ndevices of the card {request.card.name}"
    return laws(panels, request.figures / "scaling", title=words[0].upper() + words[1:])


def _efficiency(curves: Sequence[ScalingCurve]) -> Iterator[Panel]:
    """Yields panels of batches per second and device, in percent of those on the fewest devices."""
    lines: dict[str, list[Law]] = {f"{curve.scaling} scaling, {curve.condition.label}": [] for curve in curves}
    for curve in (curve for curve in curves if curve.simulated):
        points, first = curve.simulated, curve.simulated[0]
        per_device = first.batches_per_second / first.devices
        measured = [100 * point.batches_per_second / point.devices / per_device for point in points]
        law = [100 * point.runs[0].steps / point.law / per_device for point in points if point.law is not None]
        exact = len(law) == len(points) and curve.method in formulas.EXACT
        devices = [point.devices for point in points]
        line = Law(curve.title, devices, law if exact else [], measured=measured, key=curve.method)
        lines[f"{curve.scaling} scaling, {curve.condition.label}"].append(line)
    for title in sorted(lines, key=lambda title: title.startswith("strong")):
        yield Panel(title, "devices", "efficiency, %", lines[title], log_x=True)


def _waiting(curves: Sequence[ScalingCurve]) -> Iterator[Panel]:
    for key in ("ring", "constant", "tail"):
        of_condition = [c for c in curves if (c.scaling, c.condition.key) == ("weak", key) and c.simulated]
        lines = [
            Law(c.title, [p.devices for p in c.simulated], measured=[p.waiting for p in c.simulated], key=c.method)
            for c in of_condition
        ]
        if lines:
            yield Panel(f"weak scaling, {of_condition[0].condition.label}", "devices", "waiting, %", lines, log_x=True)


def _lines(trained: Sequence[Trained], quantity: str) -> list[Law]:
    """Returns a line for each method: means of the seeds over devices, with their standard deviations."""
    lines = []
    for title in dict.fromkeys(item.title for item in trained):
        of_title = [item for item in trained if item.title == title]
        summaries = [summary(getattr(item, quantity)) for item in of_title]
        means, stds = [value.mean or 0.0 for value in summaries], [value.std or 0.0 for value in summaries]
        spans = [(mean - std, mean + std) for mean, std in zip(means, stds, strict=True)]
        devices = [item.devices for item in of_title]
        lines.append(Law(title, devices, measured=means, key=of_title[0].method, spans=spans))
    return lines
