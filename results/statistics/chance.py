"""Decides whether a run's best may be that of a network that has learnt nothing, or next to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from results.records.spec import ACCURACY, Judge, Labels

NEAR = 0.05
"""Share of the way from chance to all correct (for a loss, to 0) up to which a value counts as near chance."""
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Chance:
    """Guessing on a data set. classes: to guess from. samples: of the test split on which runs are measured.

    judge: of the runs; it states the value by chance if that does not follow from the classes.
    """

    classes: int
    samples: int
    judge: Judge = ACCURACY

    @classmethod
    def of(cls, labels: Labels) -> Chance | None:
        """Returns the chance on the data of runs with these labels; None if the labels do not tell."""
        judge, samples = labels.judge, labels.test_samples
        if judge.better == "less":
            return cls(labels.classes, samples, judge) if judge.chance is not None else None
        is_known = samples and (labels.classes > 1 or judge.chance is not None)
        return cls(labels.classes, samples, judge) if is_known else None

    @property
    def near_percent(self) -> float:
        """Greatest accuracy that counts as near chance: 5.95 % of 100 classes, 14.5 % of 10, 52.5 % of 2."""
        by_chance = self._by_chance / 100
        return 100 * (by_chance + NEAR * (1 - by_chance))

    @property
    def _by_chance(self) -> float:
        return 100 / self.classes if self.judge.chance is None else self.judge.chance

    @property
    def description(self) -> str:
        level, unit = self._by_chance, self.judge.unit
        if self.judge.better == "less":
            return f"chance is {level:.3g} {unit}, down to {(1 - NEAR) * level:.3g} {unit} is near it"
        return f"chance is {level:.3g} %, up to {self.near_percent:.3g} % is near it"

    def near(self, bests: Sequence[float], evaluations: int) -> bool:
        """Whether runs' bests may be those of networks that are no better than near chance.

        A loss is compared directly. An accuracy is the highest of several evaluations, each binomial by itself: if a
        single evaluation reaches the lowest of the bests with probability P, all runs do with (1 - (1 -
        P)^evaluations)^runs.

        Args:
            bests: one per run, accuracies in percent.
            evaluations: of each run.
        """
        if self.judge.better == "less":
            return max(bests) >= (1 - NEAR) * self._by_chance
        from scipy.special import bdtrc

        hits = max(0, round(min(bests) / 100 * self.samples))
        single = float(bdtrc(hits - 1, self.samples, self.near_percent / 100)) if hits else 1.0
        return bool((1 - (1 - single) ** evaluations) ** len(bests) > ALPHA)
