"""A tuned table as plain data: its rows on either side, its pairs of rows, and all runs that it rests on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace

from benchmarks.runner.grid import GridRow
from benchmarks.runner.specs import workload_of
from benchmarks.runner.tuning.search import VALIDATION, TuningBudget, edges
from benchmarks.runner.tuning.trials import outer_rate
from benchmarks.views import conditions
from benchmarks.views.tuning.order import Contrast, RowPair
from benchmarks.views.tuning.tuned import (
    SIDES,
    Search,
    Side,
    Spent,
    TunedTable,
    every_record,
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

WORDS: dict[Side, str] = {"published": "as published", "best": "at its best"}
MOST_DIGITS = 8
ENDS = ("low", "high")
NO_OUTER = "no outer optimizer"


def rows_table(
    tuned: TunedTable, captions: Iterable[str], caveats: Iterable[str], notes: Iterable[str], command: str
) -> ResultTable:
    """Every row as published, and at its best. captions, ...: tuning.notes has them. command: what makes it."""
    table = tuned.published.table
    works = [_work(tuned, one, side) for one in tuned.searches for side in SIDES]
    return ResultTable(
        name=name_of(table.id),
        title=f"{table.title}: as published, and each row at its own best rate",
        source=f"{table.source}, tuned here",
        measures=(
            _setting("learning_rate", "Learning rate", [work.schedule.lr for work in works]),
            _setting("weight_decay", "Weight decay", [work.optimizer.weight_decay for work in works]),
            *_outer_measure([_outer(tuned, one, side) for one in tuned.searches for side in SIDES]),
            tuned.judged,
            *(_end(tuned.judged, end) for end in ENDS),
            *(_rank(measure) for measure in tuned.ranked),
            *(measure for measure in tuned.measures if measure.key != tuned.judged.key),
            *_spent_measures(tuned),
        ),
        rows=tuple(_row(tuned, one, side) for one in tuned.searches for side in SIDES),
        captions=tuple(captions),
        caveats=tuple(caveats),
        notes=tuple(notes),
        conditions=conditions_of(tuned),
        value="",
        command=command,
    )


def _setting(key: str, heading: str, values: Sequence[float]) -> Measure:
    """A measure of a setting, with as many decimals as its values have."""
    digits = max((len(f"{value:.{MOST_DIGITS}f}".rstrip("0").partition(".")[2]) for value in values), default=0)
    return Measure(key, heading, digits=max(1, digits), exact=True)


def _end(judged: Measure, end: str) -> Measure:
    """One end of the interval: "accuracy_low_percent", "loss_low"."""
    name, unit = judged.key.removeprefix("best_").removesuffix("_percent"), "_percent" if judged.unit == "%" else ""
    return Measure(f"{name}_{end}{unit}", f"95 %, {end}", judged.unit, digits=max(2, judged.digits), exact=True)


def _rank(measure: Measure) -> Measure:
    return Measure(f"{measure.key}_rank", f"Rank by {measure.name}", better="less", digits=0, exact=True)


def _spent_measures(tuned: TunedTable) -> tuple[Measure, ...]:
    clock = "Simulated seconds" if tuned.published.grid.card is not None else "Seconds"
    return (
        Measure("tuning_trials", "Trials spent", digits=0, exact=True),
        Measure("tuning_epochs", "Epochs spent", "epochs", digits=0, exact=True),
        Measure("tuning_samples", "Samples spent", digits=0, exact=True),
        Measure("tuning_seconds", f"{clock} spent", "s", digits=2, exact=True),
    )


def _row(tuned: TunedTable, one: Search, side: Side) -> ResultRow:
    network, row, work = one.network, one.row, _work(tuned, one, side)
    outer = _outer(tuned, one, side)
    interval, cost = tuned.interval(side, network, row), spent(one) if side == "best" else Spent()
    ends = (interval.low, interval.high) if interval is not None else (None, None)
    ranks = [tuned.ranks(side, network, measure).get(row.key) for measure in tuned.ranked]
    cells = (
        _exact(work.schedule.lr, _edge_note(one, side)),
        _exact(work.optimizer.weight_decay),
        *([_exact(outer, or_else=NO_OUTER)] if _has_outer(tuned) else []),
        _measured(tuned, one, side, tuned.judged),
        *(_exact(end, or_else="no interval: fewer than two runs with a value") for end in ends),
        *(_exact(rank, or_else="nothing to rank by") for rank in ranks),
        *(_measured(tuned, one, side, measure) for measure in tuned.measures if measure.key != tuned.judged.key),
        *map(_exact, (cost.trials, cost.epochs, cost.samples, cost.seconds)),
    )
    key = row.key if side == "published" else f"{row.key}@best"
    return ResultRow(network, tuned.published.grid.label(network), key, f"{row.label}, {WORDS[side]}", cells)


def _measured(tuned: TunedTable, one: Search, side: Side, measure: Measure) -> ResultCell:
    return tuned.sides[side].cell(one.network, one.row.key, measure)


def _exact(value: float | None, note: str = "", or_else: str = "") -> ResultCell:
    if value is None or not math.isfinite(value):
        return ResultCell(reason=or_else)
    return ResultCell(None, Summary(float(value), None, 1), note)


def _edge_note(one: Search, side: Side) -> str:
    found = edges(one.trials)
    if side == "published" or not found:
        return ""
    return f"the {' and '.join(found)} of those tried: its best may lie beyond, so that it is not tuned"


def _cell(tuned: TunedTable, one: Search, side: Side) -> GridRow:
    cells = tuned.sides[side].grid.cells
    return next(cell for cell in cells if (cell.network, cell.row) == (one.network, one.row))


def _work(tuned: TunedTable, one: Search, side: Side) -> Workload:
    return _cell(tuned, one, side).work


def _outer(tuned: TunedTable, one: Search, side: Side) -> float | None:
    return outer_rate(_cell(tuned, one, side).runs[0].spec.method)


def _has_outer(tuned: TunedTable) -> bool:
    return any(_outer(tuned, one, "published") is not None for one in tuned.searches)


def _outer_measure(rates: Sequence[float | None]) -> tuple[Measure, ...]:
    """Returns the column of outer rates, where a row has one."""
    known = [rate for rate in rates if rate is not None]
    return (_setting("outer_rate", "Outer rate", known),) if known else ()


def conditions_of(tuned: TunedTable) -> Conditions:
    """Conditions of its tables: those of the published rates, with the budget where it is not the default."""
    runs = [record for _, record in every_record(tuned)]
    given, budget = conditions.of_table(tuned.published), asdict(tuned.budget)
    words = (
        f"{name}-{value}" for name, value in budget.items() if value not in (getattr(TuningBudget, name), VALIDATION)
    )
    return replace(given, runs=len(runs), selection=(*given.selection, *words))


# ---- the pairs of rows


def pairs_table(tuned: TunedTable, found: Sequence[RowPair]) -> ResultTable:
    """Every two rows of a network, and what tuning does to them."""
    sides = {"published": "At the published rates", "best": "Each at its best"}
    return ResultTable(
        name=order_name(tuned.published.table.id),
        title="Whether tuning changes the order, pair by pair",
        source=f"{tuned.published.table.source}, tuned here",
        measures=tuple(
            Measure(f"{side}_{end}", f"{words}{part}", digits=3, exact=True)
            for side, words in sides.items()
            for end, part in (("contrast", ""), *((end, f", 95 % {end}") for end in ENDS))
        ),
        rows=tuple(_pair_row(tuned, pair) for pair in found),
        captions=(
            "Accuracies, losses: the first row less the second; times, epochs: the first over the second",
            "footnotes: what tuning does to the pair; decided is what leaves no doubt at 1 - 5 %/m, of m pairs",
            "the 95 % intervals are of each pair by itself",
        ),
        conditions=conditions_of(tuned),
        value="",
        item="Pair",
    )


def _pair_row(tuned: TunedTable, pair: RowPair) -> ResultRow:
    cells = (*_contrast(pair.published), *_contrast(pair.best, pair.kind))
    key = f"{pair.measure.key}:{pair.first.key}:{pair.second.key}"
    return ResultRow(pair.network, title_of(pair.network), key, pair.label, tuple(cells))


def _contrast(one: Contrast, note: str = "") -> Iterator[ResultCell]:
    yield _exact(one.quantity.value, note)
    yield from (_exact(end, or_else="not known: too few runs, or some have no value") for end in one.ends)


# ---- the runs


def runs_table(tuned: TunedTable) -> ResultTable:
    """Every run by itself, those that chose too."""
    found = list(every_record(tuned))
    works = [workload_of(record.spec.workload, one.cell.work.own) for one, record in found]
    return ResultTable(
        name=runs_name(tuned.published.table.id),
        title="Every run that a rate was chosen by, or is shown at",
        source="seeds from 1000 choose, seeds below are shown; a run's folder is that of its id",
        measures=(
            Measure("seed", "Seed", digits=0, exact=True),
            _setting("learning_rate", "Learning rate", [work.schedule.lr for work in works]),
            _setting("weight_decay", "Weight decay", [work.optimizer.weight_decay for work in works]),
            *_outer_measure([outer_rate(record.spec.method) for _, record in found]),
            replace(tuned.judged, exact=True, digits=max(2, tuned.judged.digits)),
            *([_validation_measure(tuned)] if tuned.held_out else []),
            Measure("epochs", "Epochs", "epochs", digits=0, exact=True),
            Measure("seconds", "Seconds", "s", digits=3, exact=True),
        ),
        rows=tuple(
            _run_row(one, record, work, outer=_has_outer(tuned), validation=bool(tuned.held_out))
            for (one, record), work in zip(found, works, strict=True)
        ),
        conditions=conditions_of(tuned),
        value="",
        item="Run",
    )


def _validation_measure(tuned: TunedTable) -> Measure:
    judge, digits = tuned.published.judge, max(2, tuned.judged.digits)
    return Measure(
        f"best_validation_{judge.metric}", f"Best validation {judge.heading}", judge.unit, digits=digits, exact=True
    )


def _run_row(one: Search, record: Record, work: Workload, *, outer: bool, validation: bool) -> ResultRow:
    top, last = best(record), extent(record)
    held_out = best_validation(record) if work.validation is not None else None
    cells = (
        _exact(record.seed),
        _exact(work.schedule.lr),
        _exact(work.optimizer.weight_decay),
        *([_exact(outer_rate(record.spec.method), or_else=NO_OUTER)] if outer else []),
        _exact(top.value if top is not None else None, incidents([record]), "none"),
        *(
            [_exact(held_out.value if held_out is not None else None, or_else="no validation split")]
            if validation
            else []
        ),
        _exact(last.epochs if last is not None else None, or_else="none"),
        _exact(last.seconds if last is not None else None, or_else="none"),
    )
    return ResultRow(one.network, title_of(one.network), record.id, one.row.label, cells)
