"""The search of `tune`: which factors are tried for a row, and which trial is best.

As in AlgoPerf (Dahl et al., arXiv:2306.07179), rule and budget are fixed in advance, equal for all rows, and stated
with the result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.errors import UserError
from methods.errors import unknown

GRID = "grid"
SAMPLERS = (GRID, "random", "tpe")
"""The grid needs no library; the others are Optuna's."""
VALIDATION, TEST = "validation", "test"
"""Splits by which a rate may be chosen."""
DECAY_STEP = 4.0
"""Ratio of two neighbouring weight decays."""
OUTER_STEP = 2.0
"""Ratio of two neighbouring rates of an outer optimizer."""
MOST_TRIALS, MOST_SEEDS, MOST_WIDER = 1000, 100, 20


@dataclass(frozen=True)
class Factors:
    """Factors of the table's learning rate and weight decay, and of the rate of the method's outer optimizer."""

    rate: float = 1.0
    decay: float = 1.0
    outer: float = 1.0

    @property
    def far(self) -> float:
        """Distance from the table's own values, in natural logarithms."""
        return sum(abs(math.log(factor)) for factor in (self.rate, self.decay, self.outer))


PUBLISHED = Factors()


@dataclass(frozen=True)
class Trial:
    """Factors that were tried.

    score: mean best over the tuning seeds, on the split that chooses; greater is better (a loss is negated); None if a
    run diverged. test: likewise, on the test split.
    """

    factors: Factors
    score: float | None
    test: float | None = None


@dataclass(frozen=True)
class TuningBudget:
    """Tuning budget of a row, equal for all.

    grid: number of learning rates, evenly spaced in logarithms. span: greatest over least. widen: how many more are
    tried at most, one at a time, while the best is at an end of those tried. trials: of a row, less these. Those beyond
    the grid use the best learning rate and try rates of the outer optimizer, if the method has one, else weight decays.
    seeds: runs per trial. select: split that chooses the best trial; "": validation if the data have samples left
    (`trials.settled`).
    """

    grid: int = 5
    span: float = 16.0
    trials: int = 5
    seeds: int = 1
    sampler: str = GRID
    select: str = ""
    widen: int = 0

    @property
    def options(self) -> tuple[str, ...]:
        """The budget as options of the command line."""
        values = {"grid": self.grid, "span": f"{self.span:g}", "trials": self.trials, "tuning-seeds": self.seeds}
        arguments = [word for name, value in values.items() for word in (f"--{name}", str(value))]
        select = ["--select", self.select] if self.select == TEST else []
        select += ["--widen", str(self.widen)] if self.widen else []
        return (*arguments, *(["--sampler", self.sampler] if self.sampler != GRID else []), *select)

    def check(self) -> None:
        """Raises UserError for an invalid field."""
        if self.grid < 3 or self.grid % 2 == 0:
            raise UserError(f"--grid {self.grid}: give an odd number from 3, so that the table's own rate is on it.")
        if not 1 < self.span <= 1e6:
            raise UserError(f"--span {self.span:g}: give the greatest rate over the least, above 1 and up to 1e6.")
        if not self.grid <= self.trials <= MOST_TRIALS:
            raise UserError(f"--trials {self.trials}: give a row's trials, from --grid ({self.grid}) to {MOST_TRIALS}.")
        if not 1 <= self.seeds <= MOST_SEEDS:
            raise UserError(f"--tuning-seeds {self.seeds}: give the runs of a trial, from 1 to {MOST_SEEDS}.")
        if self.sampler not in SAMPLERS:
            raise UserError(unknown("sampler", self.sampler, SAMPLERS))
        if not 0 <= self.widen <= (MOST_WIDER if self.sampler == GRID else 0):
            raise UserError(
                f"--widen {self.widen}: give 0 to {MOST_WIDER} rates beyond the grid's ends, without --sampler."
            )
        if self.select not in ("", VALIDATION, TEST):
            raise UserError(unknown("split", self.select, (VALIDATION, TEST)))

    @property
    def rates(self) -> tuple[float, ...]:
        """Factors of the grid, from the least; the middle one is 1."""
        return tuple(map(self._rate, range(self.grid)))

    def beyond(self, tried: Sequence[Trial]) -> float | None:
        """Returns the next rate beyond the end where the best of these trials lies; None if it lies between two."""
        rates, top = [trial.factors.rate for trial in tried], best(tried).factors.rate
        if top == min(rates):
            return self._rate(-1 - sum(rate < self.rates[0] for rate in rates))
        return self._rate(self.grid + sum(rate > self.rates[-1] for rate in rates)) if top == max(rates) else None

    def _rate(self, i: int) -> float:
        # Rounded, so that a wider grid contains the rates of a narrower one and shares its runs.
        return float(f"{self.span ** (i / (self.grid - 1) - 0.5):.12g}")

    @property
    def description(self) -> str:
        """Describes the trials of a row."""
        least, greatest = self.rates[0], self.rates[-1]
        runs = f"{self.trials} trials of {self.seeds} seed{'' if self.seeds == 1 else 's'}"
        more, within = self.trials - self.grid, f"x {least:g} to x {greatest:g} of the table's"
        if self.sampler != GRID:
            decays = f", weight decays from x {1 / DECAY_STEP**2:g} to x {DECAY_STEP**2:g}" if more else ""
            decays += f", or outer rates from x {1 / OUTER_STEP**2:g} to x {OUTER_STEP**2:g}" if more else ""
            drawn = f"the table's own first, then drawn by Optuna's {self.sampler}"
            return f"{runs}, {drawn}: learning rates {within}{decays}"
        beyond = f"{more} weight decay{'' if more == 1 else 's'} (of an outer optimizer, rates) at the best of them"
        wider = f", and up to {self.widen} beyond an end that is best" if self.widen else ""
        then = f", then {beyond}" if more else ""
        return f"{runs}: {self.grid} learning rates, {within}, evenly in logarithms{wider}{then}"


def next_on_grid(done: Sequence[Trial], budget: TuningBudget, *, outer: bool) -> tuple[Factors, ...]:
    """Returns all learning rates, then all weight decays, or outer rates, at the best of them, then nothing."""
    if not done:
        return tuple(map(Factors, budget.rates))
    tried = [trial for trial in done if trial.factors.decay == trial.factors.outer == 1]
    if len(tried) == len(done) < budget.grid + budget.widen and (wider := budget.beyond(tried)) is not None:
        return (Factors(wider),)
    rate = best(tried).factors.rate
    steps = around(budget.trials - budget.grid, OUTER_STEP if outer else DECAY_STEP)
    more = (Factors(rate, outer=step) if outer else Factors(rate, step) for step in steps)
    return tuple(more)[len(done) - len(tried) :]


def around(count: int, step: float) -> tuple[float, ...]:
    """Returns factors in the order in which they are tried: 1/4, 4, 1/16, 16, ... for a step of 4."""
    return tuple(step ** ((i // 2 + 1) * (-1 if i % 2 == 0 else 1)) for i in range(count))


def best(trials: Sequence[Trial]) -> Trial:
    """Returns the trial of the highest score; among equals the one nearest to the table's own, then the lower rate.

    A trial with a diverged run is worse than any other. Raises ValueError for no trials.
    """
    return min(trials, key=lambda trial: (-_score(trial), round(trial.factors.far, 9), trial.factors.rate))


def best_by_test(trials: Sequence[Trial]) -> Trial:
    """Returns the trial that the test split would have chosen, by the same rule. Raises as `best`."""
    return best([replace(trial, score=trial.test) for trial in trials])


def edges(trials: Sequence[Trial]) -> tuple[str, ...]:
    """Returns ends of the tried ranges where the best trial lies, as "highest learning rate": it is not tuned there."""
    ends, top = [], best(trials).factors
    values = {
        "learning rate": ([trial.factors.rate for trial in trials], top.rate),
        "weight decay": ([trial.factors.decay for trial in trials], top.decay),
        "outer rate": ([trial.factors.outer for trial in trials], top.outer),
    }
    for name, (tried, chosen) in values.items():
        if min(tried) < max(tried) and chosen in (min(tried), max(tried)):
            ends.append(f"{'lowest' if chosen == min(tried) else 'highest'} {name}")
    return tuple(ends)


def _score(trial: Trial) -> float:
    return -math.inf if trial.score is None else trial.score
