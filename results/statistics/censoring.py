"""Analyses times to a target that some runs never reach: Kaplan-Meier curves and restricted means.

A run that never reaches the target is neither dropped nor counted as if it had reached it when it was stopped.
docs/statistics.md has the formulas; all times keep their unit (seconds, or epochs).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from results.statistics.intervals import LEVEL, Interval, Spread
from results.statistics.resolution import Bracketed, bracketed_ratio, ratio_hull, spread_hull


@dataclass(frozen=True, slots=True)
class Times:
    """Times to a target, one per run; None for a run that did not reach it ("arrive").

    limits: how far the runs went; required for those that did not arrive. never: whether a run would not have arrived
    later either, since it diverged or its epochs were over: it stays at risk for ever, as in Fine & Gray (1999), for
    censoring it where it diverged would count it as good as the rest. Other runs were cut short and might have arrived.
    widths: by how much each time may be too long (results.statistics.resolution).

    Raises:
        ValueError: the lengths differ, a time is negative or not finite, or a run that did not arrive has no limit.
    """

    values: Sequence[float | None]
    limits: Sequence[float | None] = ()
    never: Sequence[bool] = ()
    widths: Sequence[float | None] = ()

    def __post_init__(self) -> None:
        n = len(self.values)
        for name, missing in (("values", None), ("limits", None), ("never", False), ("widths", None)):
            object.__setattr__(self, name, tuple(getattr(self, name)) or (missing,) * n)
        if not len(self.limits) == len(self.never) == len(self.widths) == n:
            raise ValueError("values, limits, never and widths differ in length")
        if any(value is None and limit is None for value, limit in zip(self.values, self.limits, strict=True)):
            raise ValueError("a run that did not arrive needs a limit: how far it went")
        if any(not 0 <= time < math.inf for time in self._known):
            raise ValueError("a time is negative or not finite; a run that did not arrive is None")

    @property
    def arrived(self) -> tuple[float, ...]:
        """Times of the runs that arrived."""
        return tuple(value for value in self.values if value is not None)

    @property
    def bracketed(self) -> Bracketed:
        """Times of the runs that arrived, each between two evaluations."""
        pairs = [(value, width) for value, width in zip(self.values, self.widths, strict=True) if value is not None]
        return Bracketed.of([value for value, _ in pairs], [width for _, width in pairs])

    @property
    def earliest(self) -> Times:
        """A copy in which every run that arrived did so as early as its evaluations allow."""
        runs = zip(self.values, self.widths, strict=True)
        values = [None if value is None else max(0.0, value - (width or 0.0)) for value, width in runs]
        return Times(values, self.limits, self.never)

    @property
    def open_ends(self) -> tuple[float, ...]:
        """Times until which runs that did not arrive count as at risk: math.inf for one that never would."""
        runs = zip(self.values, self.limits, self.never, strict=True)
        ends = [math.inf if never else limit for value, limit, never in runs if value is None]
        return tuple(end for end in ends if end is not None)

    @property
    def horizon(self) -> float:
        """Time until which the curve is known: math.inf if it falls to 0, so that the mean needs no restriction."""
        last = max(self.open_ends, default=-1.0)
        if last < max(self.arrived, default=0.0):
            return math.inf
        return last if math.isfinite(last) else max(self._known)

    @property
    def _known(self) -> tuple[float, ...]:
        return tuple(time for time in (*self.values, *self.limits) if time is not None)

    def goes_beyond(self, time: float) -> bool:
        """Whether a run had not arrived by then, so that a mean restricted to this time is below the true one."""
        return any(end > time for end in self.arrived) or any(end >= time for end in self.open_ends)

    def followed(self, time: float) -> int:
        """Number of runs at risk just before `time`: watched, and not arrived."""
        return sum(end >= time for end in (*self.arrived, *self.open_ends))


@dataclass(frozen=True, slots=True)
class SurvivalStep:
    """A step of the Kaplan-Meier curve.

    at_risk: runs that had not arrived just before `time`. arrived: runs that arrive then. survival: share that has not
    arrived after it.
    """

    time: float
    at_risk: int
    arrived: int
    survival: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean time, restricted to `horizon` (math.inf: not restricted, the ordinary mean).

    censored: number of runs that were not seen to arrive by then. interval: None if fewer than two arrived; if none
    did, `mean` is the horizon, a mere lower bound. spreads: of the earliest and of the latest times.
    """

    mean: float
    interval: Interval | None
    horizon: float
    censored: int
    spreads: tuple[Spread, Spread] | None = None


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ratio of two mean times, restricted to the same horizon.

    bound: relation to the ratio of the unrestricted means: "exact", "at least" (only the first method has runs that did
    not arrive by the horizon), "at most" (only the second), or "restricted" (both have, so it bounds nothing).
    """

    ratio: float
    interval: Interval | None
    horizon: float
    bound: Literal["exact", "at least", "at most", "restricted"]


def kaplan_meier(times: Times) -> list[SurvivalStep]:
    """Returns the steps of the share of runs that have not arrived (Kaplan & Meier, 1958)."""
    steps, survival = [], 1.0
    for time in sorted(set(times.arrived)):
        at_risk, arrived = times.followed(time), times.arrived.count(time)
        survival *= (at_risk - arrived) / at_risk
        steps.append(SurvivalStep(time, at_risk, arrived, survival))
    return steps


def restricted_mean(times: Times, horizon: float | None = None, level: float = LEVEL) -> Estimate:
    """Returns the mean of min(time, horizon), the area under the Kaplan-Meier curve (Royston & Parmar, 2013).

    Its variance is the Greenwood-type sum of Klein & Moeschberger (2003, equation 4.5.2), times m / (m - 1), with m the
    runs that arrived by the horizon; the interval is Student's with m - 1 degrees of freedom. If all runs arrived, it
    is the t interval of their times, extended down to that of their earliest times. The upper end is at most the
    horizon.

    Raises:
        ValueError: there is no run, or the horizon lies beyond the last observed time.
    """
    end = times.horizon if horizon is None else horizon
    if not times.values or end > times.horizon:
        raise ValueError("no run was followed to the horizon; take common_horizon of the groups")
    latest, n = _restricted(times, end), len(times.values)
    seen = sum(time <= end for time in times.arrived)
    if seen < 2:
        return Estimate(latest.mean, None, end, n - seen)
    earliest = _restricted(times.earliest, end) if any(times.widths) else latest
    least = times.bracketed.least / n
    low, high = (restricted._replace(variance=max(restricted.variance, least)) for restricted in (earliest, latest))
    wide = spread_hull((low, high), level)
    interval = Interval(max(wide.low, 0.0), min(wide.high, end), level)
    return Estimate(latest.mean, interval, end, n - seen, (low, high))


def common_horizon(*groups: Times) -> float:
    """Returns the largest horizon that all groups share, up to which means of several methods can be compared."""
    return min((group.horizon for group in groups), default=math.inf)


def restricted_ratio(a: Times, b: Times, level: float = LEVEL, seed: int = 0) -> Ratio | None:
    """Returns the mean time of a over that of b, the speed-up of b over a, with its interval; None if b's mean is 0.

    If all runs arrived it is `bracketed_ratio` of the times; else Student's t on the log ratio of the means restricted
    to the common horizon (delta method, Welch's degrees of freedom).

    Raises:
        ValueError: a group has no run.
    """
    horizon = common_horizon(a, b)
    mean_a, mean_b = restricted_mean(a, horizon), restricted_mean(b, horizon)
    if not mean_a.mean or not mean_b.mean:
        return None
    interval = None
    if not mean_a.censored and not mean_b.censored and min((*a.arrived, *b.arrived)) > 0:
        interval = bracketed_ratio(a.bracketed, b.bracketed, level, seed)
    elif mean_a.spreads is not None and mean_b.spreads is not None:
        interval = ratio_hull(mean_a.spreads, mean_b.spreads, level)
    return Ratio(mean_a.mean / mean_b.mean, interval, horizon, _BOUNDS[a.goes_beyond(horizon), b.goes_beyond(horizon)])


_BOUNDS: dict[tuple[bool, bool], Literal["exact", "at least", "at most", "restricted"]] = {
    (False, False): "exact",
    (True, False): "at least",
    (False, True): "at most",
    (True, True): "restricted",
}


def _restricted(times: Times, end: float) -> Spread:
    """Returns the area under the curve up to the end, with its variance and degrees of freedom."""
    mean, variance = _area([step for step in kaplan_meier(times) if step.time < end], end)
    seen = sum(time <= end for time in times.arrived)
    return Spread(mean, variance * seen / (seen - 1) if seen > 1 else 0.0, seen - 1.0)


def _area(steps: Sequence[SurvivalStep], end: float) -> tuple[float, float]:
    """Returns the area under the curve up to the end, and the Greenwood-type sum of its variance."""
    if not steps:
        return end, 0.0
    # A curve that has fallen to 0 needs no end; 0 * inf would not be a number.
    stop = end if steps[-1].survival > 0 else steps[-1].time
    widths = [later - time for time, later in pairwise([step.time for step in steps] + [stop])]
    pieces = [step.survival * width for step, width in zip(steps, widths, strict=True)]
    beyond = [math.fsum(pieces[first:]) for first in range(len(pieces))]
    variance = math.fsum(
        area**2 * step.arrived / (step.at_risk * (step.at_risk - step.arrived))
        for area, step in zip(beyond, steps, strict=True)
        if step.arrived < step.at_risk
    )
    return steps[0].time + beyond[0], variance
