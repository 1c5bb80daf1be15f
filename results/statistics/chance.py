"""Whether an accuracy could be that of a network that has learnt nothing, or next to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from results.records.spec import Labels

NEAR = 0.05
"""The share of what there is to learn, from chance to all correct, up to which an accuracy is near chance."""
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Chance:
    """Guessing: classes to guess from, and the test samples that an accuracy is measured on."""

    classes: int
    samples: int

    @classmethod
    def of(cls, labels: Labels) -> Chance | None:
        """Guessing on the data of runs with these labels; None where these do not say, or there are no classes."""
        return cls(labels.classes, labels.test_samples) if labels.classes > 1 and labels.test_samples else None

    @property
    def near_percent(self) -> float:
        """The accuracy up to which one is near chance: 5.95 % of 100 classes, 14.5 % of 10, 52.5 % of 2."""
        return 100 * (1 / self.classes + NEAR * (1 - 1 / self.classes))

    @property
    def words(self) -> str:
        return f"chance is {100 / self.classes:.3g} %, up to {self.near_percent:.3g} % is near it"

    def near(self, bests: Sequence[float], evaluations: int) -> bool:
        """Whether runs' best accuracies may be those of networks that are right no more often than near chance.

        Each best is the highest of so many evaluations on the test samples, each by itself binomial; that all runs
        reach the lowest of them has a probability of (1 - (1 - P)^evaluations)^runs then, P a single evaluation's.

        Args:
            bests: in percent, one per run.
        """
        from scipy.special import bdtrc

        hits = max(0, round(min(bests) / 100 * self.samples))
        once = float(bdtrc(hits - 1, self.samples, self.near_percent / 100)) if hits else 1.0
        return bool((1 - (1 - once) ** evaluations) ** len(bests) > ALPHA)
