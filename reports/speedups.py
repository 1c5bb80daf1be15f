"""Splits a time to target into epochs times seconds per epoch, and finds the share of each in a speed-up.

With T = E s for the seconds T, the epochs E and the seconds per epoch s = T / E, a speed-up over a reference is
T_ref / T = (E_ref / E) (s_ref / s), so that log(T_ref / T) = log(E_ref / E) + log(s_ref / s): the logarithms add up,
and a factor's share is its part of the sum. Shares of opposite signs mean that one factor gains what the other loses.

T and E are means over runs. The intervals of the three ratios are Student's t on their logarithms: delta method
(Hedges, Gurevitch & Curtis, 1999, equation 1), for s with the covariance of a run's seconds and epochs, and Welch's
degrees of freedom, as `results.statistics.intervals.ratio_interval` has them for few runs. T and E are found at
evaluations, so that their ratios reach as far as these leave open (results.statistics.resolution); T / E is exact.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from results.statistics.intervals import LEVEL, Interval, Spread, spread
from results.statistics.resolution import Bracketed, ratio_hull

SMALL = 0.05
"""Below this logarithm a speed-up (within 5 % of 1) has no shares worth naming."""
Spreads = tuple[Spread, Spread]
FactorName = Literal["speedup", "by_epochs", "by_seconds"]
FACTORS: dict[FactorName, str] = {
    "speedup": "speed-up, their product",
    "by_epochs": "by fewer epochs",
    "by_seconds": "by faster epochs",
}


@dataclass(frozen=True, slots=True)
class TimedRuns:
    """One method's runs: mean seconds and epochs to the target, and (seconds, epochs) of every run where known.

    widths: by how much both may be too long in every run: the time since the evaluation before.
    """

    seconds: float
    epochs: float
    per_run: Sequence[tuple[float, float]] = ()
    widths: Sequence[tuple[float, float]] = ()

    @property
    def known(self) -> bool:
        """Whether there is a positive, finite mean of both."""
        return self.seconds > 0 and self.epochs > 0 and math.isfinite(self.seconds + self.epochs)

    def spreads(self, name: FactorName) -> Spreads | None:
        """Returns the earliest and the latest T, E or T / E, with their variances; None for fewer than two runs."""
        if name == "by_seconds":
            shares = [t / self.seconds - e / self.epochs for t, e in self.per_run]
            relative, pace = spread(shares), self.seconds / self.epochs
            if relative is None:
                return None
            exact = Spread(pace, relative.variance * pace**2, relative.freedom)
            return exact, exact
        at = 0 if name == "speedup" else 1
        return Bracketed.of([run[at] for run in self.per_run], [width[at] for width in self.widths]).spreads


@dataclass(frozen=True, slots=True)
class Factor:
    """A ratio of two methods' times, or a part of it, with its 95 % interval where both have two runs."""

    value: float
    interval: Interval | None = None

    @property
    def ends(self) -> tuple[float, ...]:
        """The value, and the interval's ends."""
        return (self.value,) if self.interval is None else (self.value, self.interval.low, self.interval.high)


@dataclass(frozen=True, slots=True)
class SpeedupSplit:
    """One method: its time, its speed-up over the reference, and the two factors that multiply to it."""

    label: str
    seconds: float
    epochs: float
    speedup: float
    by_epochs: float
    by_seconds: float
    intervals: Mapping[FactorName, Interval] = field(default_factory=dict)

    @property
    def seconds_per_epoch(self) -> float:
        return self.seconds / self.epochs

    @property
    def share_of_epochs(self) -> float | None:
        """Percent of the speed-up's logarithm; None near a speed-up of 1. The seconds per epoch have the rest."""
        whole = math.log(self.speedup)
        return 100 * math.log(self.by_epochs) / whole if abs(whole) >= SMALL else None

    def factor(self, name: FactorName) -> Factor:
        return Factor(getattr(self, name), self.intervals.get(name))


Splits = dict[tuple[str, str, str], tuple[str, list[SpeedupSplit]]]
"""(network's title, "measured" or "published", what was reached) -> the reference and the splits."""


def split(values: Mapping[str, TimedRuns]) -> tuple[str, list[SpeedupSplit]]:
    """Returns the slowest label, which is the reference, and the splits of all labels. values: runs by label.

    Values that are not positive and finite are left out. Raises ValueError where none is left.
    """
    usable = {label: runs for label, runs in values.items() if runs.known}
    if not usable:
        raise ValueError("nothing reached the target")
    reference = max(usable, key=lambda label: usable[label].seconds)
    return reference, [_split(label, runs, usable[reference]) for label, runs in usable.items()]


def _split(label: str, runs: TimedRuns, slowest: TimedRuns) -> SpeedupSplit:
    speedup, by_epochs = slowest.seconds / runs.seconds, slowest.epochs / runs.epochs
    by_seconds = (slowest.seconds / slowest.epochs) / (runs.seconds / runs.epochs)
    intervals = {}
    for name in FACTORS if runs is not slowest else ():
        base, of_runs = slowest.spreads(name), runs.spreads(name)
        interval = None if base is None or of_runs is None else ratio_hull(base, of_runs, LEVEL)
        if interval:
            intervals[name] = interval
    return SpeedupSplit(label, runs.seconds, runs.epochs, speedup, by_epochs, by_seconds, intervals)
