"""Lays the differences of a table's rows at several budgets side by side, with their trend, from runs that are there.

A budget is a number of times the samples of scale small (docs/decisions/0025); `run TABLE --scale small --budget 4`
trains one. Differences are seed by seed; what a trend, a verdict and a forecast are says docs/statistics.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field

from benchmarks.analyses.definition import Analysis, AnalysisOptions, Finding, Request, Several
from benchmarks.errors import UserError
from benchmarks.runner.grid import Grid, GridRow, resolve
from benchmarks.runner.plan import Run
from benchmarks.tables.registry import table
from benchmarks.tables.shared import BASELINE
from benchmarks.workloads.scales import BUDGETS
from benchmarks.workloads.workload import Workload
from results.measures import ALONE, Measure, best_measure, by_seed
from results.records import Record
from results.statistics import Summary, summary
from results.statistics.inference import margin_of, mean_interval
from results.statistics.intervals import Interval
from results.statistics.trend import Rung, Trend, forecast, trend
from results.tables import Conditions, ResultCell, ResultRow, ResultTable

RecordOf = Callable[[Run], Record | None]
FORECAST = "paper's budget, forecast"


class LadderOptions(AnalysisOptions):
    table: Annotated[str, Field(description="whose rows are compared")] = "table1"
    budgets: Annotated[Several[int], Field(description="in times the samples of scale small")] = tuple(BUDGETS)
    against: Annotated[Several[str], Field(description="rows that every other row is compared with")] = ("bp",)


@dataclass(frozen=True)
class Ladder:
    """The difference of two rows on a network at several budgets, the first row less the second.

    rungs: budgets in times the samples that the first budget of the scale sees. paper: the paper's in the same unit.
    margin: within which a difference "stays", whatever it is.
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

    @cached_property
    def trend(self) -> Trend | None:
        return trend(self.rungs, self.margin)

    @cached_property
    def forecast(self) -> tuple[float, Interval] | None:
        """What one seed is expected to show at the paper's budget; None without a trend, or off a line."""
        return None if self.trend is None or self.trend.bends else forecast(self.rungs, self.paper)

    @property
    def said(self) -> str:
        """The verdict with its slope and its forecast, in a sentence."""
        if self.trend is None:
            return f"{self.label}: open, fewer than two budgets have two seeds"
        slope = f"{_span(self.trend.slope, self.trend.interval)} per tenfold budget"
        if self.forecast is None:
            why = "fewer than three budgets, or one lies off the line"
            return f"{self.label}: {self.trend.direction}, {slope}; no forecast: {why}"
        return f"{self.label}: {self.trend.direction}, {slope}; forecast at the paper's budget {_span(*self.forecast)}"


def ladders(grids: Sequence[Grid], record_of: RecordOf, pairs: Sequence[tuple[str, str]]) -> Iterator[Ladder]:
    """Yields each pair of rows on each network that has a common seed at one of the budgets. grids: one a budget."""
    cells = [{(cell.network, cell.row.key): cell for cell in grid.cells} for grid in grids]
    for network in grids[0].networks:
        for a, b in pairs:
            at_each = [
                (its[network, a], its[network, b]) for its in cells if {(network, a), (network, b)} <= its.keys()
            ]
            if at_each and (found := _ladder(network, at_each, record_of)) is not None:
                yield found


def _ladder(network: str, at_each: Sequence[tuple[GridRow, GridRow]], record_of: RecordOf) -> Ladder | None:
    first, second = at_each[0]
    measure, plain = best_measure(first.runs[0].labels.judge), first.work.at(first.work.scale)
    rungs, margin = list[Rung](), 0.0
    for a, b in at_each:
        ours, theirs = (_values(cell, record_of, measure) for cell in (a, b))
        common = sorted(ours.keys() & theirs.keys())
        if common and not rungs:
            margin = margin_of(sum(theirs[seed] for seed in common) / len(common), points=measure.points)
        if common:
            rungs.append(Rung(_seen(a.work) / _seen(plain), tuple(ours[seed] - theirs[seed] for seed in common)))
    paper = _seen(first.work.at("paper")) / _seen(plain)
    return Ladder(network, first, second, measure, tuple(rungs), paper, margin) if rungs else None


def _values(cell: GridRow, record_of: RecordOf, measure: Measure) -> dict[int, float]:
    records = [record for run in cell.runs if (record := record_of(run)) is not None and record.complete]
    return dict(by_seed(records, measure, ALONE))


def _seen(work: Workload) -> float:
    """Samples that a whole run sees; of data that are not counted yet, in epochs."""
    return work.epochs * float(work.samples_of(work.card)[0] or 1)


def run(request: Request) -> Finding:
    """Compares the rows at the budgets that have runs. Raises UserError where none has."""
    options: LadderOptions = request.options
    one = table(options.table)
    rows = request.methods or tuple(dict.fromkeys((*options.against, *(row.key for row in one.rows), BASELINE.key)))
    chosen = replace(request.choices, scale=request.scale, methods=rows)
    grids = [resolve(one, replace(chosen, budget=budget)) for budget in sorted(options.budgets)]
    keys = [row.key for row in grids[0].rows]
    pairs = [(key, other) for other in options.against for key in keys if key != other]
    made = list(ladders(grids, request.record_of, pairs))
    if not made:
        raise UserError(
            f"ladder: no two rows of {one.id} to compare have a seed in common in {request.out}; train them by "
            f"`run {one.id} --scale {request.scale} --budget {max(options.budgets)}`, and each smaller budget."
        )
    title = f"{one.title.partition(':')[0]}: differences over budgets"
    drawn = draw(made, request.figures / "ladder", title)
    return Finding((_table(request, grids, made, title),), drawn)


def _table(request: Request, grids: Sequence[Grid], made: Sequence[Ladder], title: str) -> ResultTable:
    unit, digits = made[0].measure.unit.replace("%", "points"), 2 if made[0].measure.unit == "%" else 3
    budgets = list(dict.fromkeys(round(rung.budget) for one in made for rung in one.rungs))
    columns = [Measure(f"difference_{budget:g}", f"{budget:g} x", unit, digits=digits) for budget in sorted(budgets)]
    columns += [Measure("slope", "Per tenfold budget", unit, digits=digits)]
    columns += [Measure("forecast", FORECAST, unit, digits=digits)]
    heading = made[0].measure.heading
    return ResultTable(
        name="ladder",
        title=f"{title} ({heading}, seed by seed)",
        source=grids[0].table.source,
        measures=tuple(columns),
        rows=tuple(_row(one, sorted(budgets)) for one in made),
        captions=(
            f"scale {request.scale} at several times its samples, {grids[0].condition.executor} executor",
            *(f"{one.network}, {one.said}" for one in made),
        ),
        notes=(
            "grows, shrinks: in size, the slope's 95 % interval leaves out 0; turns: and the first and the last budget "
            "have unlike signs; stays: the change is shown to be within a margin, or half of the first difference.",
            "A forecast supposes that the line over log budget continues; no run shows it. Its interval: one seed.",
            "No correction is made for the number of pairs.",
        ),
        conditions=Conditions(scale=request.scale, executor=grids[0].condition.executor, seeds=grids[0].seeds),
        item="Difference",
    )


def _row(one: Ladder, budgets: Sequence[int]) -> ResultRow:
    at = {round(rung.budget): rung.differences for rung in one.rungs}
    cells = [
        ResultCell(measured=summary(at[budget])) if budget in at else ResultCell(reason="not run") for budget in budgets
    ]
    n = min(len(rung.differences) for rung in one.rungs)
    for value, why in (
        (one.trend.slope if one.trend else None, "fewer than two budgets have two seeds"),
        (one.forecast[0] if one.forecast else None, "fewer than three budgets, or one lies off the line"),
    ):
        cells.append(ResultCell(reason=why) if value is None else ResultCell(measured=Summary(value, None, n)))
    return ResultRow(
        one.network, one.first.work.label, f"{one.first.row.key}-{one.second.row.key}", one.label, tuple(cells)
    )


def lines(made: Sequence[Ladder]) -> Iterator[str]:
    """Yields the ladders as a Markdown table: each budget's difference, slope, verdict and forecast, with intervals."""
    budgets = sorted({round(rung.budget) for one in made for rung in one.rungs})
    heads = (*(f"{budget:g} x" for budget in budgets), "per tenfold budget", "", FORECAST)
    yield f"| | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 1) + "|"
    for one in made:
        at = {round(rung.budget): rung.differences for rung in one.rungs}
        cells = [_mean(at[budget]) if budget in at else "not run" for budget in budgets]
        cells += [_span(one.trend.slope, one.trend.interval), one.trend.direction] if one.trend else ["", "open"]
        yield f"| {one.label} | {' | '.join((*cells, _span(*one.forecast) if one.forecast else 'none'))} |"


def _mean(differences: Sequence[float]) -> str:
    return _span(sum(differences) / len(differences), mean_interval(differences)) + f", n = {len(differences)}"


def _span(value: float, interval: Interval | None) -> str:
    return f"{value:+.2f}" + (f" [{interval.low:+.2f}, {interval.high:+.2f}]" if interval is not None else "")


def draw(made: Sequence[Ladder], stem: Path, title: str) -> tuple[Path, ...]:
    """Draws a panel for each network and row that others are compared with, a line for each of these."""
    from reports.figures.trends import Line, Panel, Point, trends

    panels: dict[str, list[Line]] = {}
    for one in made:
        points = [
            Point(rung.budget, summary(rung.differences).mean or 0.0, *_ends(mean_interval(rung.differences)))
            for rung in one.rungs
        ]
        ahead = Point(one.paper, one.forecast[0], *_ends(one.forecast[1])) if one.forecast else None
        verdict = one.trend.direction if one.trend else "open"
        line = Line(
            one.first.row.key, f"{one.first.row.label}: {verdict}", points, one.trend.line if one.trend else None, ahead
        )
        panels.setdefault(f"{one.network}: minus {one.second.row.label}", []).append(line)
    return trends(
        [Panel(name, of) for name, of in panels.items()],
        stem,
        title=title,
        y_label=f"difference, {made[0].measure.name}",
    )


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
