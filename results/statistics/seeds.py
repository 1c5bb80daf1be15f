"""Compares two rows by the values of one measure, one per seed, by the same rule everywhere.

Times are compared by the ratio of their means (results.statistics.censoring). Other measures are compared by their
difference: seed by seed if the rows share two seeds or more, else by Welch's interval of independent means.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from results.statistics.censoring import Times, restricted_ratio
from results.statistics.intervals import Interval, mean
from results.statistics.resolution import Bracketed, difference_interval

ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Seeds:
    """One value per run; None for a run without one.

    seeds: of the runs; () if unknown. limits, never, widths: as of `Times`; limits are empty if how far a run went does
    not bound its value.
    """

    values: Sequence[float | None] = ()
    limits: Sequence[float | None] = ()
    never: Sequence[bool] = ()
    widths: Sequence[float | None] = ()
    seeds: Sequence[int] = ()

    def __post_init__(self) -> None:
        for name in ("values", "limits", "never", "widths", "seeds"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def times(self) -> Times | None:
        """The values as `Times`; None if the measure is no time."""
        return Times(self.values, self.limits, self.never, self.widths) if self.limits else None

    @property
    def known(self) -> list[float]:
        """The finite values."""
        return list(self.bracketed.latest)

    @property
    def bracketed(self) -> Bracketed:
        """The finite values, each between two evaluations."""
        return _bracketed(self._pairs())

    @property
    def by_seed(self) -> Mapping[int, tuple[float, float | None]]:
        """Finite values by seed, each with its width."""
        is_finite = (value is not None and math.isfinite(value) for value in self.values)
        seeds = [seed for seed, finite in zip(self.seeds, is_finite, strict=False) if finite]
        return dict(zip(seeds, self._pairs(), strict=False))

    def _pairs(self) -> list[tuple[float, float | None]]:
        pairs = zip(self.values, self.widths or (None,) * len(self.values), strict=True)
        return [(value, width) for value, width in pairs if value is not None and math.isfinite(value)]


NO_SEEDS = Seeds()


def difference(a: Seeds, b: Seeds) -> tuple[float, Interval | None] | None:
    """Returns mean of a - mean of b, with its 95 % interval (None without a spread); None if one has no value."""
    by_seed_a, by_seed_b = a.by_seed, b.by_seed
    common = sorted(by_seed_a.keys() & by_seed_b.keys())
    if len(common) > 1:
        paired = _bracketed([by_seed_a[seed] for seed in common]).minus(
            _bracketed([by_seed_b[seed] for seed in common])
        )
        return mean([by_seed_a[seed][0] - by_seed_b[seed][0] for seed in common]), paired.interval()
    if not a.known or not b.known:
        return None
    return mean(a.known) - mean(b.known), difference_interval(a.bracketed, b.bracketed)


def apart(a: Seeds, b: Seeds) -> bool | None:
    """Whether the 95 % interval of their comparison excludes equality; None without an interval."""
    if a.times is not None and b.times is not None:
        ratio = restricted_ratio(a.times, b.times)
        interval = ratio.interval if ratio is not None and ratio.bound != "restricted" else None
        return None if interval is None else interval.leaves_out(1)
    compared = difference(a, b)
    return None if compared is None or compared[1] is None else compared[1].leaves_out(0)


def equal(a: float | None, b: float | None) -> bool:
    """Whether two values are equal up to rounding, as of sums in another order; None equals only None."""
    return a is b if a is None or b is None else math.isclose(a, b, rel_tol=ROUNDING)


def _bracketed(pairs: Sequence[tuple[float, float | None]]) -> Bracketed:
    return Bracketed.of([value for value, _ in pairs], [width for _, width in pairs])
