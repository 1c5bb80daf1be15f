"""Findings of other kinds than rows held against each other: a table beside its published values, and rows tuned.

Each has a block of Markdown, a picture, and whether the kept runs are enough for either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.runner.choices import Choices
from benchmarks.runner.grid import resolve
from benchmarks.runner.tuning.search import TuningBudget, edges
from benchmarks.tables.registry import table
from benchmarks.views import curves as of_sheet
from benchmarks.views.journals import Journals
from benchmarks.views.sheets import sheet_of
from benchmarks.views.tuning.order import RowPair, pairs
from benchmarks.views.tuning.picture import draw
from benchmarks.views.tuning.search import searches, tuned_table
from benchmarks.views.tuning.tuned import ACCURACY, SIDES, Search, Side
from benchmarks.views.values import by_run, context, value
from reports.figures.curves import curves
from results import published
from results.measures import MEASURES
from results.statistics.inference import equivalence, margin_of
from tools.findings_list import Reproduced, Tuned

SEEDS = tuple(range(10))
"""Those that are looked for; rows that are held against each other are shown with the seeds that all of them have."""
BUDGET = TuningBudget(grid=9, span=256, trials=9)


class ReproducedTable:
    """Measured beside published."""

    def __init__(self, one: Reproduced, found: Journals) -> None:
        of, chosen = table(one.table), Choices(scale="paper", seeds=SEEDS, settings={"workload": one.settings})
        self.one, self.sheet = one, sheet_of(resolve(of, chosen), found)

    @property
    def there(self) -> bool:
        return all(self.sheet.complete(self.one.network, row) for row in self.one.rows)

    def block(self) -> Iterator[str]:
        one = self.one
        known = [MEASURES[key] for key in one.measures]
        headings = [f"{of.heading}: published | {'simulated' if of.clock else 'here'}" for of in known]
        yield from (f"**{one.title}**", "", f"| | {' | '.join(headings)} | n |")
        yield "|---" * (2 * len(known) + 2) + "|"
        for row, words in one.rows.items():
            n = len(self.sheet.complete(one.network, row))
            yield f"| {words} | {' | '.join(self._cells(row, key) for key in one.measures)} | {n} |"

    def _cells(self, row: str, measure: str) -> str:
        """'85.15 ± 0.15 | 83.01': where there are seeds enough, with what equivalence testing says."""
        theirs = published.load(self.one.table).get((self.one.network, row, measure))
        cell = self.sheet, self.one.network, row, measure, context(self.sheet, self.one.network)
        ours, why = value(*cell)
        said = "-" if theirs is None else _spread(theirs.mean, theirs.std)
        if ours is None or ours.mean is None:
            return f"{said} | {why}"
        if theirs is None or ours.n < 2:
            return f"{said} | {_spread(ours.mean, ours.std)}"
        of = MEASURES[measure]
        margin = margin_of(theirs.mean, points=of.points)
        runs = by_run(*cell).bracketed
        status = equivalence(runs.latest, theirs.mean, theirs.std, theirs.n, margin, widths=runs.widths).status
        return f"{said} | {_spread(ours.mean, ours.std)} ({status})"

    def picture(self, stem: Path) -> tuple[Path, ...]:
        """Test accuracy over epochs and over the clock's seconds."""
        return curves(list(of_sheet.curves(self.sheet)), stem, title=self.one.title, y_label="Test accuracy (%)")


class TunedRows:
    """Rows of a table at the table's rate and each at its own best, as `tune` with its plain budget has them."""

    def __init__(self, one: Tuned, found: Journals) -> None:
        of = table(one.table)
        chosen = Choices(scale="small", seeds=SEEDS, methods=tuple(one.methods), networks=(one.network,))
        self.one = one
        self.over = [search for search in searches(resolve(of, chosen), BUDGET, found.of) if search.over]
        every = tuned_table(resolve(of, chosen), BUDGET, self.over, found)
        rows = [every.records(side, one.network, search.row) for search in self.over for side in SIDES]
        common = set(SEEDS).intersection(*({record.seed for record in records} for records in rows))
        shared = replace(chosen, seeds=tuple(sorted(common)) or SEEDS)
        self.tuned = tuned_table(resolve(of, shared), BUDGET, self.over, found)

    @property
    def there(self) -> bool:
        return len(self.over) > 1

    def block(self) -> Iterator[str]:
        yield from (f"**{self.one.title}**", "")
        yield "| | rate | best accuracy (%) | its best rate | best accuracy (%) there | n |"
        yield "|---|---|---|---|---|---|"
        for search in self.over:
            cells = [cell for side in ("published", "best") for cell in self._cells(search, side)]
            n = len(self.tuned.records("best", self.one.network, search.row))
            yield f"| {search.row.label} | {' | '.join(cells)} | {n} |"
        found = [pair for pair in pairs(self.tuned) if pair.measure is ACCURACY]
        held = f"of {len(found)} pairs, held to {100 * found[0].best.level:.3g} %" if found else ""
        yield from ("", f"| Best accuracy (%), 95 % interval | as published | each at its best | {held} |")
        yield "|---|---|---|---|"
        for pair in found:
            yield f"| {_less(pair)} | {_contrast(pair, 'published')} | {_contrast(pair, 'best')} | {pair.kind} |"

    def _cells(self, search: Search, side: Side) -> tuple[str, str]:
        found, _ = self.tuned.value(side, self.one.network, search.row, ACCURACY)
        interval = self.tuned.interval(side, self.one.network, search.row)
        known = "not run" if found is None or found.mean is None else f"{found.mean:.2f}"
        if interval is not None:
            known += f" [{interval.low:.2f}, {interval.high:.2f}]"
        mine = (run for run in self.tuned.sheets[side].grid.runs if run.labels.row == search.row.key)
        ends = edges(search.trials) if side == "best" else ()
        edge = f", the {' and '.join(ends)} tried" if ends else ""
        return f"{next(mine).work.schedule.lr:g}{edge}", known

    def picture(self, stem: Path) -> tuple[Path, ...]:
        """Accuracy over the learning rate."""
        return draw(self.tuned, stem)


def _less(pair: RowPair) -> str:
    return f"{pair.first.label} less {pair.second.label}"


def _contrast(pair: RowPair, side: Side) -> str:
    found = pair.published if side == "published" else pair.best
    low, high = found.ends
    return f"{found.quantity.value:+.2f} [{low:+.2f}, {high:+.2f}]"


def _spread(mean: float, std: float | None) -> str:
    return f"{mean:.2f}" if std is None else f"{mean:.2f} ± {std:.2f}"
