"""The runs of a trial: a row's own, at other rates and another weight decay, and at seeds that no table has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.runner.grid import GridRow
from benchmarks.runner.plan import Run
from benchmarks.runner.tuning.samplers import next_drawn
from benchmarks.runner.tuning.search import GRID, Factors, Trial, TuningBudget, next_on_grid
from benchmarks.workloads.workload import Workload
from results.groups import FIRST_TRIAL_SEED
from results.records import Record
from results.records.spec import MethodSpec
from results.statistics import best, judge_of

OUTER_RATE = "outer.lr"
"""The option of methods with an outer optimizer."""
DECAY_OF_NONE = 1e-4
"""Weight decay that factors multiply where the table's own is 0."""


def tuned(work: Workload, factors: Factors) -> Workload:
    """The workload with its learning rates, those of warm-up and floor too, and its weight decay times these.

    Its schedule keeps its shape: else the warm-up, at a rate of its own, would decide what is tuned.
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
    """Returns the rate of the method's outer optimizer; None where it has none."""
    rate = method.options.get(OUTER_RATE)
    return float(rate) if isinstance(rate, int | float) else None


def next_factors(done: Sequence[Trial], budget: TuningBudget, *, outer: bool = False) -> tuple[Factors, ...]:
    """Returns the factors that a row tries next, after those trials; none where its budget is spent. A pure function.

    outer: whether the row's method has an outer optimizer. Raises UserError where the sampler's library is not
    installed.
    """
    return (next_on_grid if budget.sampler == GRID else next_drawn)(done, budget, outer=outer)


def tuning_seeds(budget: TuningBudget) -> range:
    """Seeds of trials: all above those of tables, so that no run both chooses a rate and is shown for it."""
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
    """Names a trial by what is tuned, in its labels, which are part of no identity."""
    said = {"rate": factors.rate, "decay": factors.decay, "outer rate": factors.outer}
    words = [f"{name} x {value:.4g}" for name, value in said.items() if value != 1]
    title = ", ".join([run.labels.method_title, *words])
    return replace(run, labels=run.labels.model_copy(update={"method_title": title}))


def trial(factors: Factors, records: Sequence[Record]) -> Trial:
    """Result of a trial's runs: the mean of their bests, unless one of them diverged."""
    tops = [best(record) if record.status == "finished" else None for record in records]
    judge = judge_of(records)
    known = [judge.rank(top.value) for top in tops if top is not None]
    return Trial(factors, sum(known) / len(known) if known and len(known) == len(tops) else None)
