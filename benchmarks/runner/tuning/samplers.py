"""Draws trials by Optuna's samplers (Akiba et al., arXiv:1907.10902) in place of the grid.

No study is stored: it is rebuilt from the finished trials, and then draws the same next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.errors import UserError
from benchmarks.runner.tuning.search import DECAY_STEP, OUTER_STEP, PUBLISHED, Factors, Trial, TuningBudget

SEED = 0
"""Seed of the sampler, the same for every row."""
WORST = -1e9
"""Score reported to a study for a diverged trial."""


def next_drawn(done: Sequence[Trial], budget: TuningBudget, *, outer: bool) -> tuple[Factors, ...]:
    """Returns the next trial, or none if the budget is spent. Raises UserError if Optuna is not installed."""
    if len(done) >= budget.trials:
        return ()
    study = _study(budget.sampler)
    for trial in done:
        drawn = study.ask()
        _factors(drawn, budget, outer)
        study.tell(drawn, WORST if trial.score is None else trial.score)
    return (_factors(study.ask(), budget, outer),)


def _study(sampler: str) -> Any:
    try:
        import optuna
    except ImportError as error:
        raise UserError(
            f"--sampler {sampler} needs Optuna, which is not installed: `uv sync --extra tuning`, "
            "or leave --sampler out, since the grid needs nothing."
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kinds = {"random": optuna.samplers.RandomSampler, "tpe": optuna.samplers.TPESampler}
    study = optuna.create_study(direction="maximize", sampler=kinds[sampler](seed=SEED))
    study.enqueue_trial(asdict(PUBLISHED))
    return study


def _factors(trial: Any, budget: TuningBudget, outer: bool) -> Factors:
    """Draws the next factors within the grid's span, decays or outer rates if there are more trials than rates."""
    rate = trial.suggest_float("rate", budget.rates[0], budget.rates[-1], log=True)
    if budget.trials == budget.grid:
        return Factors(rate)
    if outer:
        return Factors(rate, outer=trial.suggest_float("outer", OUTER_STEP**-2, OUTER_STEP**2, log=True))
    return Factors(rate, trial.suggest_float("decay", DECAY_STEP**-2, DECAY_STEP**2, log=True))
