"""A row's values of one measure, run by run, and the one rule by which two rows, or two sides, differ.

Times are compared by the ratio of their means (results.statistics.censoring); all else by the difference, seed by seed
over the seeds that both rows have, where these are two or more, else by Welch's interval of independent means.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from results.statistics.censoring import Times, restricted_ratio
from results.statistics.intervals import Interval
from results.statistics.resolution import Bracketed, difference_interval, mean

ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Seeds:
    """One value per run; None where a run has none.

    seeds: of the runs; () where they are not known. limits, never, widths: as of `Times`; no limits where how far a run
    went is no bound of its value.
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
        """The values as times; None where they are none."""
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
        known = (value is not None and math.isfinite(value) for value in self.values)
        seeds = [seed for seed, there in zip(self.seeds, known, strict=False) if there]
        return dict(zip(seeds, self._pairs(), strict=False))

    def _pairs(self) -> list[tuple[float, float | None]]:
        pairs = zip(self.values, self.widths or (None,) * len(self.values), strict=True)
        return [(value, width) for value, width in pairs if value is not None and math.isfinite(value)]


NO_SEEDS = Seeds()


def difference(a: Seeds, b: Seeds) -> tuple[float, Interval | None] | None:
    """Mean of a less that of b, with its 95 % interval where runs show a spread; None where one has no value."""
    ours, theirs = a.by_seed, b.by_seed
    common = sorted(ours.keys() & theirs.keys())
    if len(common) > 1:
        apart = _bracketed([ours[seed] for seed in common]).minus(_bracketed([theirs[seed] for seed in common]))
        return mean([ours[seed][0] - theirs[seed][0] for seed in common]), apart.interval()
    if not a.known or not b.known:
        return None
    return mean(a.known) - mean(b.known), difference_interval(a.bracketed, b.bracketed)


def apart(a: Seeds, b: Seeds) -> bool | None:
    """Whether the 95 % interval of their comparison leaves out that they are equal; None where there is no interval."""
    if a.times is not None and b.times is not None:
        ratio = restricted_ratio(a.times, b.times)
        interval = ratio.interval if ratio is not None and ratio.bound != "restricted" else None
        return None if interval is None else interval.leaves_out(1)
    found = difference(a, b)
    return None if found is None or found[1] is None else found[1].leaves_out(0)


def equal(a: float | None, b: float | None) -> bool:
    """Whether two values are the same but for rounding, as of sums in another order; None is None alone."""
    return a is b if a is None or b is None else math.isclose(a, b, rel_tol=ROUNDING)


def _bracketed(pairs: Sequence[tuple[float, float | None]]) -> Bracketed:
    return Bracketed.of([value for value, _ in pairs], [width for _, width in pairs])
