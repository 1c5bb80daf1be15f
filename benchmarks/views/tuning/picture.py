"""The best value of every trial over its learning rate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.runner.tuning import trials
from benchmarks.runner.tuning.search import GRID, Factors
from benchmarks.views.tuning.tuned import Search, TunedTable
from benchmarks.workloads.networks.names import title_of
from reports.figures.looks import drawable
from reports.figures.rates import RateCurve, rates


def draw(tuned: TunedTable, stem: Path) -> tuple[Path, ...]:
    """Returns the files written. Raises ResultsError where they cannot be written."""
    table_runs = tuned.published
    title = f"{table_runs.table.id}: {table_runs.judge.title} over the learning rate"
    label = f"{'validation ' if tuned.held_out else ''}{table_runs.judge.heading}"
    small = f"(scale {table_runs.grid.size}, tuning seeds; filled: chosen)"
    return rates(list(_curves(tuned)), stem, title=f"{title}\n{small}", y_label=label)


def _curves(tuned: TunedTable) -> Iterator[RateCurve]:
    rank = tuned.published.judge.rank
    for search in tuned.searches:
        shown = [
            trial
            for trial in search.trials
            if trial.factors.decay == trial.factors.outer == 1 or tuned.budget.sampler != GRID
        ]
        yield RateCurve(
            drawable(search.row.label),
            title_of(search.network),
            [_rate(search, trial.factors) for trial in shown],
            [None if trial.score is None else rank(trial.score) for trial in shown],
            _rate(search, Factors()),
            _rate(search, search.best.factors),
            search.row.key,
        )


def _rate(search: Search, factors: Factors) -> float:
    return trials.tuned(search.cell.work, factors).schedule.lr
