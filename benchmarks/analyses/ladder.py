"""Compares the differences of a table's rows at several budgets, with their trend, from existing runs.

A budget is a number of times the samples of scale small (docs/decisions/0025); `run TABLE --scale small --budget 4`
trains one. Differences are taken seed by seed; docs/statistics.md defines trend, verdict and forecast.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Annotated

from pydantic import Field

from benchmarks.analyses.definition import Analysis, AnalysisOptions, Finding, Request, Several, cell
from benchmarks.errors import UserError
from benchmarks.runner.grid import Grid, GridRow
from benchmarks.runner.plan import Run
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from benchmarks.tables.shared import BASELINE
from benchmarks.workloads.scales import BUDGETS
from benchmarks.workloads.workload import Workload
from reports.figures.trends import Line, Panel, Point, trends
from results.measures import ALONE, Measure, best_measure, by_seed
from results.records import Record
from results.statistics import Summary
from results.statistics.inference import margin_of
from results.statistics.intervals import Interval, mean_interval
from results.statistics.trend import Rung, Trend, forecast, trend
from results.tables import Conditions, ResultCell, ResultRow, ResultTable

RecordOf = Callable[[Run], Record | None]
FORECAST = "paper's budget, forecast"
NO_TREND = "fewer than two budgets have two seeds"
NO_FORECAST = "fewer than three budgets, or one lies off the line, or the line passes 0 beyond them"


class LadderOptions(AnalysisOptions):
    table: Annotated[str, Field(description="whose rows are compared")] = "table1"
    budgets: Annotated[Several[int], Field(description="in times the samples of scale small")] = tuple(BUDGETS)
    against: Annotated[Several[str], Field(description="rows that every other row is compared with")] = ("bp",)


@dataclass(frozen=True)
class Ladder:
    """The difference of two rows on a network at several budgets, the first row minus the second.

    rungs: differences by budget, in times the samples of the scale's first budget. paper: the paper's budget in the
    same unit. margin: a difference that changes by less "stays".
    """

    network: str
    first: GridRow
    second: GridRow
    measure: Measure
    rungs: tuple[Rung, ...]
    paper: float
    margin: float

    @property
    def label(self) -> str:
        return f"{self.first.row.label} minus {self.second.row.label}"

    @property
    def differences(self) -> dict[int, Sequence[float]]:
        """Differences seed by seed, by budget."""
        return {round(rung.budget): rung.differences for rung in self.rungs}

    @cached_property
    def trend(self) -> Trend | None:
        return trend(self.rungs, self.margin)

    @cached_property
    def forecast(self) -> tuple[float, Interval] | None:
        """The expected difference of one seed at the paper's budget; None without a trend, or off a line."""
        return None if self.trend is None or self.trend.bends else forecast(self.rungs, self.paper)

    @property
    def verdict(self) -> str:
        """The trend's direction, slope and forecast, in a sentence."""
        if self.trend is None:
            return f"{self.label}: open, {NO_TREND}"
        slope = f"{_span(self.trend.slope, self.trend.interval)} per tenfold budget"
        end = f"; no forecast: {NO_FORECAST}"
        if self.forecast is not None:
            end = f"; forecast at the paper's budget {_span(*self.forecast)}"
        return f"{self.label}: {self.trend.direction}, {slope}{end}"


def ladders(grids: Sequence[Grid], record_of: RecordOf, pairs: Sequence[tuple[str, str]]) -> Iterator[Ladder]:
    """Yields each pair of rows on each network that has a common seed at one of the budgets. grids: one per budget."""
    cells = [{(item.network, item.row.key): item for item in grid.cells} for grid in grids]
    for network in grids[0].networks:
        for a, b in pairs:
            of_budgets = [(of[network, a], of[network, b]) for of in cells if {(network, a), (network, b)} <= of.keys()]
            ladder = _ladder(network, of_budgets, record_of) if of_budgets else None
            if ladder is not None:
                yield ladder


def _ladder(network: str, of_budgets: Sequence[tuple[GridRow, GridRow]], record_of: RecordOf) -> Ladder | None:
    first, second = of_budgets[0]
    measure, plain = best_measure(first.runs[0].labels.judge), first.work.at(first.work.scale)
    rungs, margin = list[Rung](), 0.0
    for a, b in of_budgets:
        minuend, subtrahend = (_values(row, record_of, measure) for row in (a, b))
        seeds = sorted(minuend.keys() & subtrahend.keys())
        if seeds and not rungs:
            margin = margin_of(fmean(subtrahend[seed] for seed in seeds), points=measure.points)
        if seeds:
            differences = tuple(minuend[seed] - subtrahend[seed] for seed in seeds)
            rungs.append(Rung(_samples(a.work) / _samples(plain), differences))
    paper = _samples(first.work.at("paper")) / _samples(plain)
    return Ladder(network, first, second, measure, tuple(rungs), paper, margin) if rungs else None


def _values(row: GridRow, record_of: RecordOf, measure: Measure) -> dict[int, float]:
    """Returns the measure by seed, of complete runs."""
    records = [record for run in row.runs if (record := record_of(run)) is not None and record.complete]
    return dict(by_seed(records, measure, ALONE))


def _samples(work: Workload) -> float:
    """Returns the samples that a whole run sees; the epochs where the data were not counted yet."""
    return work.epochs * float(work.samples_of(work.card)[0] or 1)


def run(request: Request) -> Finding:
    """Compares the rows at the budgets that have runs. Raises UserError where none has."""
    options: LadderOptions = request.options
    compared = table(options.table)
    rows = request.methods or tuple(
        dict.fromkeys((*options.against, *(row.key for row in compared.rows), BASELINE.key))
    )
    choices = replace(request.choices, scale=request.scale, methods=rows)
    grids = [resolve(compared, replace(choices, budget=budget)) for budget in sorted(options.budgets)]
    keys = [row.key for row in grids[0].rows]
    pairs = [(key, other) for other in options.against for key in keys if key != other]
    results = list(ladders(grids, request.record_of, pairs))
    if not results:
        raise UserError(
            f"ladder: no two rows of {compared.id} to compare have a seed in common in {request.out}; train them by "
            f"`run {compared.id} --scale {request.scale} --budget {max(options.budgets)}`, and each smaller budget."
        )
    title = f"{compared.title.partition(':')[0]}: differences over budgets"
    pictures = draw(results, request.figures / "ladder", title)
    return Finding((_table(request, grids[0], results, title),), pictures)


def _table(request: Request, grid: Grid, ladders: Sequence[Ladder], title: str) -> ResultTable:
    measure, executor = ladders[0].measure, grid.condition.executor
    unit, digits = measure.unit.replace("%", "points"), 2 if measure.unit == "%" else 3
    budgets = sorted({budget for ladder in ladders for budget in ladder.differences})
    names = {f"difference_{budget:g}": f"{budget:g} x" for budget in budgets}
    names |= {"slope": "Per tenfold budget", "forecast": FORECAST}
    return ResultTable(
        name="ladder",
        title=f"{title} ({measure.heading}, seed by seed)",
        source=grid.table.source,
        measures=tuple(Measure(key, name, unit, digits=digits) for key, name in names.items()),
        rows=tuple(_row(ladder, budgets) for ladder in ladders),
        captions=(
            f"scale {request.scale} at several times its samples, {executor} executor",
            *(f"{ladder.network}, {ladder.verdict}" for ladder in ladders),
        ),
        notes=(
            "grows, shrinks: in size, the slope's 95 % interval leaves out 0; turns: and the first and the last budget "
            "have unlike signs; stays: the change is shown to be within a margin, or half of the first difference.",
            "A forecast supposes that the line over log budget continues; no run shows it. Its interval: one seed.",
            "No correction is made for the number of pairs.",
        ),
        conditions=Conditions(scale=request.scale, executor=executor, seeds=grid.seeds),
        item="Difference",
    )


def _row(ladder: Ladder, budgets: Sequence[int]) -> ResultRow:
    cells = [
        cell(ladder.differences.get(budget), reason="" if budget in ladder.differences else "not run")
        for budget in budgets
    ]
    n = min(map(len, ladder.differences.values()))
    for value, reason in (
        (ladder.trend.slope if ladder.trend else None, NO_TREND),
        (ladder.forecast[0] if ladder.forecast else None, NO_FORECAST),
    ):
        cells.append(cell(None, reason=reason) if value is None else ResultCell(measured=Summary(value, None, n)))
    key = f"{ladder.first.row.key}-{ladder.second.row.key}"
    return ResultRow(ladder.network, ladder.first.work.label, key, ladder.label, tuple(cells))


def lines(ladders: Sequence[Ladder]) -> Iterator[str]:
    """Yields the ladders as a Markdown table: each budget's difference, slope, verdict and forecast, with intervals."""
    budgets = sorted({budget for ladder in ladders for budget in ladder.differences})
    heads = (*(f"{budget:g} x" for budget in budgets), "per tenfold budget", "", FORECAST)
    yield f"| | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 1) + "|"
    for ladder in ladders:
        cells = [_mean(ladder.differences.get(budget)) for budget in budgets]
        trend = ladder.trend
        cells += [_span(trend.slope, trend.interval), trend.direction] if trend else ["", "open"]
        cells.append(_span(*ladder.forecast) if ladder.forecast else "none")
        yield f"| {ladder.label} | {' | '.join(cells)} |"


def _mean(differences: Sequence[float] | None) -> str:
    if differences is None:
        return "not run"
    return f"{_span(sum(differences) / len(differences), mean_interval(differences))}, n = {len(differences)}"


def _span(value: float, interval: Interval | None) -> str:
    return f"{value:+.2f}" + (f" [{interval.low:+.2f}, {interval.high:+.2f}]" if interval is not None else "")


def draw(ladders: Sequence[Ladder], stem: Path, title: str) -> tuple[Path, ...]:
    """Draws a panel for each network and row that several others are compared with, and one for each row that is
    compared with others one by one; a line for each pair."""
    compared = Counter((ladder.network, ladder.second.row.key) for ladder in ladders)
    panels: dict[str, list[Line]] = {}
    for ladder in ladders:
        points = [
            Point(rung.budget, fmean(rung.differences), *_ends(mean_interval(rung.differences)))
            for rung in ladder.rungs
        ]
        ahead = Point(ladder.paper, ladder.forecast[0], *_ends(ladder.forecast[1])) if ladder.forecast else None
        verdict, fitted = (ladder.trend.direction, ladder.trend.line) if ladder.trend else ("open", None)
        first, second = ladder.first.row, ladder.second.row
        if compared[ladder.network, second.key] > 1:
            panel, row, label = f"minus {second.label}", first, first.label
        else:
            panel, row, label = f"{first.label} minus another", second, f"minus {second.label}"
        line = Line(row.key, f"{label}: {verdict}", points, fitted, ahead)
        panels.setdefault(f"{ladder.network}: {panel}", []).append(line)
    measure = ladders[0].measure
    y_label = f"difference, {measure.name} ({measure.unit.replace('%', 'points')})"
    return trends([Panel(name, of) for name, of in panels.items()], stem, title=title, y_label=y_label)


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return (None, None) if interval is None else (interval.low, interval.high)


ANALYSIS = Analysis(
    "ladder",
    "Differences between rows over budgets of 1, 4 and 20 times the samples, with their trend",
    "runs of this folder",
    run,
    LadderOptions,
    scaled=True,
)
