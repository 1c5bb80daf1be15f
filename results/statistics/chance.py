"""Whether a run's best could be that of a network that has learnt nothing, or next to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from results.records.spec import ACCURACY, Judge, Labels

NEAR = 0.05
"""The share of what there is to learn, from chance to all correct, up to which an accuracy is near chance; of a loss
from chance to 0."""
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Chance:
    """Guessing: classes to guess from, and the test samples that runs are measured on.

    judge: of the runs; it has the value by chance where that does not follow from the classes.
    """

    classes: int
    samples: int
    judge: Judge = ACCURACY

    @classmethod
    def of(cls, labels: Labels) -> Chance | None:
        """Guessing on the data of runs with these labels; None where these do not say, or there are no classes."""
        judge, samples = labels.judge, labels.test_samples
        if judge.better == "less":
            return cls(labels.classes, samples, judge) if judge.chance is not None else None
        known = samples and (labels.classes > 1 or judge.chance is not None)
        return cls(labels.classes, samples, judge) if known else None

    @property
    def near_percent(self) -> float:
        """The accuracy up to which one is near chance: 5.95 % of 100 classes, 14.5 % of 10, 52.5 % of 2."""
        by_chance = self._by_chance / 100
        return 100 * (by_chance + NEAR * (1 - by_chance))

    @property
    def _by_chance(self) -> float:
        return 100 / self.classes if self.judge.chance is None else self.judge.chance

    @property
    def words(self) -> str:
        level, unit = self._by_chance, self.judge.unit
        if self.judge.better == "less":
            return f"chance is {level:.3g} {unit}, down to {(1 - NEAR) * level:.3g} {unit} is near it"
        return f"chance is {level:.3g} %, up to {self.near_percent:.3g} % is near it"

    def near(self, bests: Sequence[float], evaluations: int) -> bool:
        """Whether runs' bests may be those of networks that are no better than near chance.

        A loss is taken as it is. Of accuracies each best is the highest of so many evaluations on the test samples,
        each by itself binomial; that all runs reach the lowest of them has a probability of
        (1 - (1 - P)^evaluations)^runs then, P a single evaluation's.

        Args:
            bests: one per run, accuracies in percent.
        """
        if self.judge.better == "less":
            return max(bests) >= (1 - NEAR) * self._by_chance
        from scipy.special import bdtrc

        hits = max(0, round(min(bests) / 100 * self.samples))
        once = float(bdtrc(hits - 1, self.samples, self.near_percent / 100)) if hits else 1.0
        return bool((1 - (1 - once) ** evaluations) ** len(bests) > ALPHA)
