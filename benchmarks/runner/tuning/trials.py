"""The runs of a trial: a row's runs with other rates and weight decay, at seeds that no table uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.errors import UserError
from benchmarks.runner.grid import GridRow
from benchmarks.runner.plan import Run
from benchmarks.runner.tuning.samplers import next_drawn
from benchmarks.runner.tuning.search import GRID, TEST, VALIDATION, Factors, Trial, TuningBudget, next_on_grid
from benchmarks.workloads.workload import Workload
from results.groups import FIRST_TRIAL_SEED
from results.records import Record
from results.records.spec import MethodSpec
from results.statistics import Best, best, best_validation

OUTER_RATE = "outer.lr"
"""Option of methods with an outer optimizer."""
LEAST, MOST, SHARE = 1000, 5000, 10
"""Validation samples of a trial: a tenth of the training samples within these bounds, if that many are left."""
CHARACTERS = {"characters": 1, "bytes": 1, "bpe": 4}
"""Approximate characters per token, to estimate the windows of a text that is not tokenized yet."""
TOO_FEW = 100
"""Fewest validation samples that may choose a trial."""
DECAY_OF_NONE = 1e-4
"""Weight decay that factors multiply if the table's own is 0."""


def tuned(work: Workload, factors: Factors) -> Workload:
    """Returns the workload with learning rates (also of warm-up and floor) and weight decay times these factors.

    The schedule keeps its shape: otherwise the warm-up, at its own rate, would decide what is tuned.
    """
    schedule, optimizer = work.schedule, work.optimizer
    rates = {name: getattr(schedule, name) * factors.rate for name in ("lr", "warm_up_lr", "floor")}
    decay = optimizer.weight_decay if factors.decay == 1 else (optimizer.weight_decay or DECAY_OF_NONE) * factors.decay
    return work.model_copy(
        update={
            "schedule": schedule.model_copy(update=rates),
            "optimizer": optimizer.model_copy(update={"weight_decay": decay}),
        }
    )


def outer_rate(method: MethodSpec) -> float | None:
    """Returns the rate of the method's outer optimizer; None if it has none."""
    rate = method.options.get(OUTER_RATE)
    return float(rate) if isinstance(rate, int | float) else None


def next_factors(done: Sequence[Trial], budget: TuningBudget, *, outer: bool = False) -> tuple[Factors, ...]:
    """Returns the factors that a row tries after these trials; none if its budget is spent. A pure function.

    outer: whether the row's method has an outer optimizer. Raises UserError if the sampler's library is not installed.
    """
    return (next_on_grid if budget.sampler == GRID else next_drawn)(done, budget, outer=outer)


def validation_samples(cell: GridRow) -> int:
    """Returns the validation samples of a row's trials: its own, else a tenth of training, between 1,000 and 5,000.

    No more than are left, about a tenth of a corpus's windows; 0 if fewer than 100.
    """
    work, data = cell.work, cell.runs[0].data
    if work.validation is not None:
        return work.validation
    left, train = work.left_for_validation(data) or 0, work.train_samples or data.train_samples
    if work.tokens is not None:
        windows = data.train_samples // (work.tokens.context * CHARACTERS[work.tokens.unit])
        left, train = windows // SHARE, work.train_samples or windows
    return min(left, MOST, max(LEAST, train // SHARE)) if left >= TOO_FEW else 0


def settled(budget: TuningBudget, cells: Sequence[GridRow]) -> TuningBudget:
    """Returns the budget with the split that chooses: validation, unless the test split was requested.

    If a row has too few samples left, the test split is used for all rows; raises UserError if validation was
    requested.
    """
    without = [cell for cell in cells if not validation_samples(cell)]
    if budget.select == VALIDATION and without:
        left = without[0].work.left_for_validation(without[0].runs[0].data) or 0
        raise UserError(
            f"--select validation: {without[0].work.dataset} has {left} training samples that are not trained on, and "
            f"{TOO_FEW} are needed: set a smaller workload.train_samples, or leave --select out."
        )
    return replace(budget, select=budget.select or (TEST if without else VALIDATION))


def with_validation(cell: GridRow, budget: TuningBudget) -> GridRow:
    """Returns the row whose runs are trials: with samples held out, if validation chooses."""
    if budget.select != VALIDATION:
        return cell
    return replace(cell, work=cell.work.model_copy(update={"validation": validation_samples(cell)}))


def tuning_seeds(budget: TuningBudget) -> range:
    """Returns seeds of trials, all above those of tables, so that no run both chooses a rate and is shown for it."""
    return range(FIRST_TRIAL_SEED, FIRST_TRIAL_SEED + budget.seeds)


def at(cell: GridRow, factors: Factors, seeds: Sequence[int]) -> GridRow:
    """Returns a copy of a row with rates and weight decay times these factors, at these seeds."""
    work, run = tuned(cell.work, factors), cell.runs[0]
    rate = outer_rate(run.spec.method)
    if rate is not None and factors.outer != 1:
        run = run.at(options={OUTER_RATE: rate * factors.outer})
    runs = tuple(_named(run.at(seed=seed, work=work), factors) for seed in seeds)
    return replace(cell, work=work, runs=runs)


def _named(run: Run, factors: Factors) -> Run:
    """Names a trial by its factors, in its labels, which are part of no identity."""
    named = {"rate": factors.rate, "decay": factors.decay, "outer rate": factors.outer}
    words = [f"{name} x {value:.4g}" for name, value in named.items() if value != 1]
    title = ", ".join([run.labels.method_title, *words])
    return replace(run, labels=run.labels.model_copy(update={"method_title": title}))


def trial(factors: Factors, records: Sequence[Record], select: str = TEST) -> Trial:
    """Summarises a trial's runs: the mean of their bests, unless one of them diverged. select: by which split."""
    test = _mean_best(records, best)
    return Trial(factors, _mean_best(records, best_validation) if select == VALIDATION else test, test)


def _mean_best(records: Sequence[Record], best_of: Callable[[Record], Best | None]) -> float | None:
    tops = [(record, best_of(record)) for record in records if record.status == "finished"]
    ranks = [record.judge.rank(top.value) for record, top in tops if top is not None]
    return sum(ranks) / len(ranks) if ranks and len(ranks) == len(records) else None
