"""The evaluations of a run: when the next is due, and whether they end the run."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

from results.records.evaluating import epoch_number, evaluated_at
from results.records.spec import VALIDATION, Judge

Metrics = dict[str, float]


@dataclass(eq=False)
class EvaluationHistory:
    """The evaluations of a run so far. Epochs are counted as fractions.

    epochs: planned. patience: epochs without improvement that end the run. monitor: metric that must improve. every:
    epochs between two evaluations.
    """

    epochs: int
    patience: int
    monitor: Judge
    every: Fraction = Fraction(1)
    evaluations: list[Metrics] = field(default_factory=list)

    def at(self, number: int) -> Fraction:
        """Returns the epochs after which an evaluation is due. number: from 1."""
        return evaluated_at(number, self.every, self.epochs)

    @property
    def done(self) -> Fraction:
        """Epochs at the last evaluation."""
        return self.at(len(self.evaluations))

    @property
    def epoch(self) -> float:
        """Epochs at the last evaluation, as journals write them."""
        return epoch_number(self.done)

    @property
    def next_at(self) -> Fraction:
        """Epochs at which the next evaluation is due."""
        return self.at(len(self.evaluations) + 1)

    @property
    def diverged(self) -> bool:
        last = self.evaluations[-1] if self.evaluations else {}
        return not all(math.isfinite(last.get(name, 0.0)) for name in ("train_loss", "loss", f"{VALIDATION}loss"))

    @property
    def stopped_early(self) -> bool:
        """Whether `patience` epochs brought no better evaluation before the plan was over."""
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
        """Returns why it diverged, else "". batch: first of the last epoch with a training loss that is not finite."""
        if not self.diverged:
            return ""
        if batch is None:
            return f"the evaluation's loss was not finite after epoch {self.epoch:g}"
        return f"the training loss was not finite from batch {batch + 1} of epoch {math.ceil(self.done)} on"
