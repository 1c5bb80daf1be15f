"""The evaluations of a run, one after the other: when the next is due, and whether they end the run."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

from results.records.evaluating import epoch_number, evaluated_at
from results.records.spec import VALIDATION, Judge

Metrics = dict[str, float]


@dataclass(eq=False)
class EvaluationHistory:
    """The evaluations of a run, one after the other, and whether they end it.

    epochs: planned. patience: in epochs, too. every: epochs between two evaluations. monitor: which metric says whether
    one is better.
    """

    epochs: int
    patience: int
    monitor: Judge
    every: Fraction = Fraction(1)
    evaluations: list[Metrics] = field(default_factory=list)

    def at(self, number: int) -> Fraction:
        """The epochs after which the evaluation of this number is made; 1 is the first."""
        return evaluated_at(number, self.every, self.epochs)

    @property
    def done(self) -> Fraction:
        """Epochs until the last one."""
        return self.at(len(self.evaluations))

    @property
    def epoch(self) -> float:
        """Epochs until the last evaluation, as the journal has them."""
        return epoch_number(self.done)

    @property
    def next_at(self) -> Fraction:
        """Epochs until the next one."""
        return self.at(len(self.evaluations) + 1)

    @property
    def diverged(self) -> bool:
        last = self.evaluations[-1] if self.evaluations else {}
        return not all(math.isfinite(last.get(name, 0.0)) for name in ("train_loss", "loss", f"{VALIDATION}loss"))

    @property
    def stopped_early(self) -> bool:
        """Returns whether too many epochs went by without a better evaluation, before the plan's were over."""
        if self.diverged or not 0 < self.done < self.epochs:
            return False
        ranks = [self.monitor.rank(metrics[self.monitor.metric]) for metrics in self.evaluations]
        return self.done - self.at(ranks.index(max(ranks)) + 1) >= self.patience

    @property
    def goes_on(self) -> bool:
        return self.done < self.epochs and not self.diverged and not self.stopped_early

    @property
    def status(self) -> str:
        """Status of a run that ends now."""
        return "diverged" if self.diverged else "finished"

    def reason(self, batch: int | None) -> str:
        """Why it diverged. batch: of the last epoch, 0 the first, from which on the training loss was not finite."""
        if not self.diverged:
            return ""
        if batch is None:
            return f"the evaluation's loss was not finite after epoch {self.epoch:g}"
        return f"the training loss was not finite from batch {batch + 1} of epoch {math.ceil(self.done)} on"
