"""Sentences above and below a tuned table: the budget, the order of the rows, and what the comparison is worth."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from benchmarks.runner.plan import trained_as_others
from benchmarks.runner.tuning.search import PUBLISHED, best_by_test, edges
from benchmarks.views import notes as of_table
from benchmarks.views.table_runs import made_elsewhere
from benchmarks.views.tuning.order import RowPair, verdict
from benchmarks.views.tuning.tuned import SIDES, TunedTable, spent
from benchmarks.workloads.networks.names import title_of
from results.groups import FIRST_TRIAL_SEED
from results.measures import need

BY_TEST = (
    "A rate is chosen by the best test {judge} of other seeds (from {first}) than those shown: by the same test set. "
    "The choice has thus seen the test set, as the papers' have; it has not seen the runs that are shown."
)
BY_VALIDATION = (
    "A rate is chosen by the best validation {judge} of other seeds (from {first}) than those shown, on {held_out} "
    "samples of the training split that no trial is trained on (windows of a text, which its trials' training text "
    "lacks). The search has seen neither the test set nor the runs that are shown, which have no validation split "
    "unless one was set."
)
SCALED = (
    "The rate of the warm-up is multiplied together with the learning rate, and what a method makes of the rate "
    "(linear scaling, for example) applies to the product: the schedule keeps its shape. Nothing else is tuned."
)
RULE = (
    "Decided is a pair of rows whose difference of accuracies or losses, or quotient of times or epochs, lies on one "
    "side throughout an interval at 1 - 5 %/m, m the pairs of a network that are compared by a measure "
    "(docs/statistics.md). The 95 % intervals that are shown are of each pair by itself, and may leave no doubt where "
    "the word does."
)


def captions(tuned: TunedTable) -> Iterator[str]:
    table_runs, budget = tuned.published, tuned.budget
    yield from of_table.captions(table_runs)
    if need(table_runs.table.measures, "target"):
        yield "the same target on either side: that of the published rates"
    yield f"the same budget for every row: {budget.words}"
    least, most = (f(spent(one).epochs for one in tuned.searches) for f in (min, max))
    epochs = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    yield f"spent by a row: {budget.trials} trials, {epochs} epochs; the columns have each row's own"


def caveats(tuned: TunedTable, found: Sequence[RowPair]) -> Iterator[str]:
    """The order of the rows, and what qualifies it, a line each."""
    table_runs = tuned.published
    for network, measure in itertools.product(tuned.networks, tuned.ranked):
        where, mine = (
            f"{title_of(network)}, {measure.name}",
            [pair for pair in found if (pair.network, pair.measure.key) == (network, measure.key)],
        )
        before, now = (tuned.order(side, network, measure) for side in SIDES)
        yield (
            f"{where}: {now}, as published and each at its best alike."
            if before == now
            else (f"{where}: {before} as published; {now} each at its best.")
        )
        if mine:
            yield f"{where}: {verdict(mine)}."
    yield from _searches(tuned)
    yield from _chosen_by(tuned)
    if table_runs.grid.scale != "paper":
        yield (
            f"At scale {table_runs.grid.scale} the table's own rate is this scale's, not the paper's, and no number is "
            "the paper's: what carries over is whether rows want different rates."
        )
    if others := made_elsewhere(tuned.sides.values()):
        yield others


def notes(tuned: TunedTable, again: str) -> Iterator[str]:
    """Further notes on a tuned table. again: the command that makes it."""
    yield from trained_as_others(tuned.published.grid.runs)
    yield RULE
    chosen = BY_VALIDATION if tuned.held_out else BY_TEST
    yield chosen.format(first=FIRST_TRIAL_SEED, judge=tuned.published.judge.title, held_out=tuned.held_out)
    yield SCALED
    yield f"Again: {again}"


def _chosen_by(tuned: TunedTable) -> Iterator[str]:
    """Says which split chose, and for how many rows the test split would have chosen others of the same trials."""
    judge, seeds = tuned.published.judge.title, f"at seeds from {FIRST_TRIAL_SEED}"
    if not tuned.held_out:
        yield f"Rates are chosen by test {judge}, {seeds}: the choice has seen the test set."
        return
    others = [one for one in tuned.searches if best_by_test(one.trials).factors != one.best.factors]
    said = ", ".join(f"{one.row.label} on {title_of(one.network)}" for one in others)
    yield (
        f"Rates are chosen by validation {judge} ({tuned.held_out} samples that are not trained on), {seeds}; by the "
        f"test set the same trials give others for {len(others)} of {len(tuned.searches)} rows"
        f"{f': {said}' if said else ''}."
    )


def _searches(tuned: TunedTable) -> Iterator[str]:
    """Rows that are at an edge, that fell apart, or whose best is the table's own."""
    for one in tuned.searches:
        where = f"{one.row.label} on {title_of(one.network)}"
        lost = sum(trial.score is None for trial in one.trials)
        if lost:
            yield f"{where}: {lost} of {len(one.trials)} trials diverged; each counts as worse than any other."
        if ends := edges(one.trials):
            yield f"{where}: its best is the {' and '.join(ends)} tried, so that it is not tuned; widen --span."
    own = [one for one in tuned.searches if one.best.factors == PUBLISHED]
    if own:
        said = ", ".join(f"{one.row.label} on {title_of(one.network)}" for one in own)
        yield f"Best at the table's own rate, the same runs on either side: {said}."
