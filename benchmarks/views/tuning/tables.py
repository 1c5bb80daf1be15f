"""A tuned table as plain data: its rows on either side, its pairs of rows, and all runs that it rests on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

from benchmarks.runner.tuning.search import VALIDATION, TuningBudget, edges
from benchmarks.runner.tuning.trials import outer_rate
from benchmarks.views import conditions
from benchmarks.views.tuning import notes
from benchmarks.views.tuning.order import Contrast, RowPair
from benchmarks.views.tuning.tuned import (
    SIDES,
    Search,
    Side,
    Spent,
    TunedTable,
    name_of,
    order_name,
    runs_name,
    spent,
)
from benchmarks.workloads.networks.names import title_of
from benchmarks.workloads.workload import Workload
from results.measures import Measure, incidents
from results.records import Record
from results.statistics import Summary, best, best_validation, extent
from results.tables import Conditions, ResultCell, ResultRow, ResultTable

MOST_DIGITS = 8
ENDS = ("low", "high")
Column = tuple[Measure, Sequence[ResultCell]]
"""A measure and its cell in each row."""


def rows_table(tuned: TunedTable, compared: Sequence[RowPair], command: str) -> ResultTable:
    """Every row as published, and at its best. compared: its pairs of rows. command: makes the table."""
    table, both = tuned.published.table, [(search, side) for search in tuned.searches for side in SIDES]
    words: dict[Side, str] = {"published": f"as {tuned.rates}", "best": "at its best"}
    others = [measure for measure in tuned.measures if measure.key != tuned.judged.key]
    columns = (
        *_settings(
            [tuned.cell(side, search).work for search, side in both],
            [outer_rate(tuned.cell(side, search).runs[0].spec.method) for search, side in both],
            [_edge_note(search, side) for search, side in both],
        ),
        _measured(tuned, both, tuned.judged),
        *_interval(tuned, both),
        *(_rank(tuned, both, measure) for measure in tuned.ranked),
        *(_measured(tuned, both, measure) for measure in others),
        *_spent(tuned, both),
    )
    return ResultTable(
        name=name_of(table.id),
        title=f"{table.title}: as {tuned.rates}, and each row at its own best rate",
        source=f"{table.source}, tuned here",
        measures=tuple(measure for measure, _ in columns),
        rows=tuple(
            ResultRow(
                search.network,
                tuned.published.grid.label(search.network),
                search.row.key if side == "published" else f"{search.row.key}@best",
                f"{search.row.label}, {words[side]}",
                tuple(cells[index] for _, cells in columns),
            )
            for index, (search, side) in enumerate(both)
        ),
        captions=tuple(notes.captions(tuned)),
        caveats=tuple(notes.caveats(tuned, compared)),
        notes=tuple(notes.notes(tuned, command)),
        conditions=conditions_of(tuned),
        value="",
        command=command,
    )


Sides = Sequence[tuple[Search, Side]]
"""The rows of the table."""


def _settings(works: Sequence[Workload], outer: Sequence[float | None], remarks: Sequence[str]) -> Iterator[Column]:
    """Yields learning rates, weight decays and, where a row has one, rates of the outer optimizer."""
    rates, decays = [work.schedule.lr for work in works], [work.optimizer.weight_decay for work in works]
    rate_cells = [_exact(rate, remark) for rate, remark in zip(rates, remarks, strict=True)]
    yield _setting("learning_rate", "Learning rate", rates), rate_cells
    yield _setting("weight_decay", "Weight decay", decays), list(map(_exact, decays))
    if outer_rates := [rate for rate in outer if rate is not None]:
        yield (
            _setting("outer_rate", "Outer rate", outer_rates),
            [_exact(rate, or_else="no outer optimizer") for rate in outer],
        )


def _setting(key: str, heading: str, values: Sequence[float]) -> Measure:
    """A measure of a setting, with as many decimals as its values have."""
    digits = max((len(f"{value:.{MOST_DIGITS}f}".rstrip("0").partition(".")[2]) for value in values), default=0)
    return Measure(key, heading, digits=max(1, digits), exact=True)


def _edge_note(search: Search, side: Side) -> str:
    ends = edges(search.trials)
    if side == "published" or not ends:
        return ""
    return f"the {' and '.join(ends)} of those tried: its best may lie beyond, so it is not tuned"


def _measured(tuned: TunedTable, both: Sides, measure: Measure) -> Column:
    return measure, [tuned.sides[side].cell(search.network, search.row.key, measure) for search, side in both]


def _interval(tuned: TunedTable, both: Sides) -> Iterator[Column]:
    """Yields the ends of the interval: "accuracy_low_percent", "loss_high"."""
    judged = tuned.judged
    intervals = [tuned.interval(side, search.network, search.row) for search, side in both]
    name, unit = judged.key.removeprefix("best_").removesuffix("_percent"), "_percent" if judged.unit == "%" else ""
    for end in ENDS:
        key, digits = f"{name}_{end}{unit}", max(2, judged.digits)
        values = [getattr(interval, end) if interval is not None else None for interval in intervals]
        cells = [_exact(value, or_else="no interval: fewer than two runs with a value") for value in values]
        yield Measure(key, f"95 %, {end}", judged.unit, digits=digits, exact=True), cells


def _rank(tuned: TunedTable, both: Sides, measure: Measure) -> Column:
    ranks = [tuned.ranks(side, search.network, measure).get(search.row.key) for search, side in both]
    column = Measure(f"{measure.key}_rank", f"Rank by {measure.name}", better="less", digits=0, exact=True)
    return column, [_exact(rank, or_else="nothing to rank by") for rank in ranks]


def _spent(tuned: TunedTable, both: Sides) -> Iterator[Column]:
    clock = "Simulated seconds" if tuned.published.grid.card is not None else "Seconds"
    costs = [spent(search) if side == "best" else Spent() for search, side in both]
    for name, heading, unit, digits in (
        ("trials", "Trials spent", "", 0),
        ("epochs", "Epochs spent", "epochs", 0),
        ("samples", "Samples spent", "", 0),
        ("seconds", f"{clock} spent", "s", 2),
    ):
        measure = Measure(f"tuning_{name}", heading, unit, digits=digits, exact=True)
        yield measure, [_exact(getattr(cost, name)) for cost in costs]


def _exact(value: float | None, note: str = "", or_else: str = "") -> ResultCell:
    if value is None or not math.isfinite(value):
        return ResultCell(reason=or_else)
    return ResultCell(None, Summary(float(value), None, 1), note)


def conditions_of(tuned: TunedTable) -> Conditions:
    """Conditions of its tables: those of the published rates, with the budget where it is not the default."""
    of_table, budget = conditions.of_table(tuned.published), asdict(tuned.budget)
    words = [
        f"{name}-{value}" for name, value in budget.items() if value not in (getattr(TuningBudget, name), VALIDATION)
    ]
    return replace(of_table, runs=len(list(tuned.every_record())), selection=(*of_table.selection, *words))


# ---- the pairs of rows


def pairs_table(tuned: TunedTable, compared: Sequence[RowPair]) -> ResultTable:
    """Every two rows of a network, and what tuning does to them."""
    sides = {"published": f"At the {tuned.rates} rates", "best": "Each at its best"}
    parts = {"contrast": "", **{end: f", 95 % {end}" for end in ENDS}}
    return ResultTable(
        name=order_name(tuned.published.table.id),
        title="Whether tuning changes the order, pair by pair",
        source=f"{tuned.published.table.source}, tuned here",
        measures=tuple(
            Measure(f"{side}_{key}", f"{words}{part}", digits=3, exact=True)
            for side, words in sides.items()
            for key, part in parts.items()
        ),
        rows=tuple(
            ResultRow(
                pair.network,
                title_of(pair.network),
                f"{pair.measure.key}:{pair.first.key}:{pair.second.key}",
                pair.label,
                (*_contrast(pair.published), *_contrast(pair.best, pair.kind)),
            )
            for pair in compared
        ),
        captions=(
            "Accuracies, losses: the first row less the second; times, epochs: the first over the second",
            "footnotes: what tuning does to the pair; decided at 1 - 5 %/m, of m pairs",
            "the 95 % intervals are of each pair by itself",
        ),
        conditions=conditions_of(tuned),
        value="",
        item="Pair",
    )


def _contrast(contrast: Contrast, note: str = "") -> Iterator[ResultCell]:
    yield _exact(contrast.quantity.value, note)
    yield from (_exact(end, or_else="not known: too few runs, or some have no value") for end in contrast.ends)


# ---- the runs


def runs_table(tuned: TunedTable) -> ResultTable:
    """Every run by itself, those of the search too."""
    every = list(tuned.every_record())
    records, judged = [record for _, record in every], tuned.judged
    works = [Workload.of(record.spec.workload, search.cell.work.own) for search, record in every]
    extents, digits = [extent(record) for record in records], max(2, judged.digits)
    columns = [
        (Measure("seed", "Seed", digits=0, exact=True), [_exact(record.seed) for record in records]),
        *_settings(works, [outer_rate(record.spec.method) for record in records], [""] * len(works)),
        (replace(judged, exact=True, digits=digits), list(map(_best, records))),
    ]
    if tuned.held_out:
        judge = tuned.published.judge
        key, heading = f"best_validation_{judge.metric}", f"Best validation {judge.heading}"
        cells = [_best_on_validation(record, work) for record, work in zip(records, works, strict=True)]
        columns.append((Measure(key, heading, judge.unit, digits=digits, exact=True), cells))
    for name, unit, decimals in (("epochs", "epochs", 0), ("seconds", "s", 3)):
        values = [getattr(last, name) if last is not None else None for last in extents]
        measure = Measure(name, name.capitalize(), unit, digits=decimals, exact=True)
        columns.append((measure, [_exact(value, or_else="none") for value in values]))
    return ResultTable(
        name=runs_name(tuned.published.table.id),
        title="Every run that a rate was chosen by, or is shown at",
        source="seeds from 1000 choose, seeds below are shown; a run's folder is that of its id",
        measures=tuple(measure for measure, _ in columns),
        rows=tuple(
            ResultRow(
                search.network,
                title_of(search.network),
                record.id,
                search.row.label,
                tuple(cells[index] for _, cells in columns),
            )
            for index, (search, record) in enumerate(every)
        ),
        conditions=conditions_of(tuned),
        value="",
        item="Run",
    )


def _best(record: Record) -> ResultCell:
    top = best(record)
    return _exact(top.value if top is not None else None, incidents([record]), "none")


def _best_on_validation(record: Record, work: Workload) -> ResultCell:
    top = best_validation(record) if work.validation is not None else None
    return _exact(top.value if top is not None else None, or_else="no validation split")
