"""Sentences above and below a tuned table: budget, order of the rows, and what the comparison is worth."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from benchmarks.runner.plan import trained_as_others
from benchmarks.runner.tuning.search import PUBLISHED, best_by_test, edges
from benchmarks.views import notes as of_table
from benchmarks.views.table_runs import made_elsewhere
from benchmarks.views.tuning.order import RowPair, verdict
from benchmarks.views.tuning.tuned import SIDES, Search, TunedTable, spent
from benchmarks.workloads.networks.names import title_of
from results.groups import FIRST_TRIAL_SEED
from results.measures import need

BY_TEST = (
    "A rate is chosen by the best test {judge} of other seeds (from {first}) than those shown: by the same test set. "
    "The choice has thus seen the test set{papers}; it has not seen the runs that are shown."
)
BY_VALIDATION = (
    "A rate is chosen by the best validation {judge} of other seeds (from {first}) than those shown, on {held_out} "
    "samples of the training split that no trial is trained on (windows of a text, which its trials' training text "
    "lacks). The search has seen neither the test set nor the runs that are shown, which have no validation split "
    "unless one was set."
)
SCALED = (
    "The rate of the warm-up is multiplied together with the learning rate. What a method does to the rate (linear "
    "scaling, for example) applies to the product: the schedule keeps its shape. Nothing else is tuned."
)
RULE = (
    "A pair of rows is decided if its difference of accuracies or losses, or quotient of times or epochs, lies on one "
    "side throughout an interval at 1 - 5 %/m, m the pairs of a network that are compared by a measure "
    "(docs/statistics.md). The 95 % intervals that are shown are of each pair by itself; they may lie on one side "
    "where the pair is not decided."
)


def captions(tuned: TunedTable) -> Iterator[str]:
    table_runs, budget = tuned.published, tuned.budget
    yield from of_table.captions(table_runs)
    if need(table_runs.table.measures, "target"):
        yield f"the same target on either side: that of the {tuned.rates} rates"
    yield f"the same budget for every row: {budget.description}"
    each = [spent(search) for search in tuned.searches]
    trials, epochs = _ends([one.trials for one in each]), _ends([one.epochs for one in each])
    yield f"spent by a row: {trials} trials, {epochs} epochs; the columns have each row's own"


def _ends(values: Sequence[float]) -> str:
    least, most = min(values), max(values)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def caveats(tuned: TunedTable, compared: Sequence[RowPair]) -> Iterator[str]:
    """Yields the order of the rows, and what qualifies it, a line each."""
    scale = tuned.published.grid.scale
    for network, measure in itertools.product(tuned.networks, tuned.ranked):
        where = f"{title_of(network)}, {measure.name}"
        before, now = (tuned.order(side, network, measure) for side in SIDES)
        same = f"{now}, as {tuned.rates} and each at its best alike."
        yield f"{where}: {same if before == now else f'{before} as {tuned.rates}; {now} each at its best.'}"
        if of_both := [pair for pair in compared if (pair.network, pair.measure.key) == (network, measure.key)]:
            yield f"{where}: {verdict(of_both, tuned.rates)}."
    for search in tuned.searches:
        diverged = sum(trial.score is None for trial in search.trials)
        if diverged:
            counts = f"{diverged} of {len(search.trials)} trials diverged"
            yield f"{_where(search)}: {counts}; each counts as worse than any other."
        if ends := edges(search.trials):
            yield f"{_where(search)}: its best is the {' and '.join(ends)} tried, so it is not tuned; try --widen 3."
    if own := [_where(search) for search in tuned.searches if search.best.factors == PUBLISHED]:
        yield f"Best at the table's own rate, the same runs on either side: {', '.join(own)}."
    yield _chosen_by(tuned)
    if scale != "paper":
        yield (
            f"At scale {scale} the table's own rate is this scale's, not the paper's, and no number is the paper's: "
            "only whether rows want different rates carries over."
        )
    yield from filter(None, (made_elsewhere(tuned.sides.values()),))


def _chosen_by(tuned: TunedTable) -> str:
    """Says which split chose, and for how many rows the test split would have chosen others of the same trials."""
    judge, seeds = tuned.published.judge.title, f"at seeds from {FIRST_TRIAL_SEED}"
    if not tuned.held_out:
        return f"Rates are chosen by test {judge}, {seeds}: the choice has seen the test set."
    others = [search for search in tuned.searches if best_by_test(search.trials).factors != search.best.factors]
    names = f": {', '.join(map(_where, others))}" if others else ""
    return (
        f"Rates are chosen by validation {judge} ({tuned.held_out} samples that are not trained on), {seeds}; by the "
        f"test set the same trials give others for {len(others)} of {len(tuned.searches)} rows{names}."
    )


def _where(search: Search) -> str:
    return f"{search.row.label} on {title_of(search.network)}"


def notes(tuned: TunedTable, again: str) -> Iterator[str]:
    """Yields further notes on a tuned table. again: the command that makes it."""
    yield from trained_as_others(tuned.published.grid.runs)
    yield RULE
    chosen = BY_VALIDATION if tuned.held_out else BY_TEST
    papers = "" if tuned.published.grid.own_data else ", as the papers' have"
    judge = tuned.published.judge.title
    yield chosen.format(first=FIRST_TRIAL_SEED, judge=judge, held_out=tuned.held_out, papers=papers)
    yield SCALED
    yield f"Again: {again}"
