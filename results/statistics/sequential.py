"""Paired differences that may be looked at after every seed (group-sequential: Pocock, 1977; Wang & Tsiatis, 1987).

From the 4th to the 12th seed, the look at n seeds is Student's t test at the level LEVEL (n / 12)^2: early looks have
to be surer than late ones, and the chance that any of the nine calls equal means different is 5 % in all. A test at 5 %
that is repeated after every seed has a chance of more than 15 %.
"""

from __future__ import annotations

from collections.abc import Sequence

from results.statistics.intervals import Interval, mean_interval

FIRST, LAST = 4, 12
"""Seeds at the first look and at the last."""
LEVEL = 0.0251
"""Level of the last look, by simulation of normal differences (tests/results/test_sequential.py repeats it)."""


def level(n: int) -> float:
    """Returns the level of the look at n seeds."""
    return LEVEL * (n / LAST) ** 2


def interval(differences: Sequence[float]) -> Interval | None:
    """Returns the interval of the mean by which a look decides: whether it leaves 0 out.

        interval([-2.1, -3.0, -2.6, -2.4])  # at 99.7 %: [-3.9, -1.1], decided

    None before the first look and after the last, where nothing may be decided.

    Args:
        differences: of one seed each, in the order in which the seeds were run, the first n of at most 12.
    """
    n = len(differences)
    return mean_interval(differences, 1 - level(n)) if FIRST <= n <= LAST else None


def decided_at(differences: Sequence[float]) -> int | None:
    """Returns the number of seeds at the first look that decides; None where none of them does."""
    for n in range(FIRST, min(len(differences), LAST) + 1):
        found = interval(differences[:n])
        if found is not None and found.leaves_out(0):
            return n
    return None


def seeds_to_decide(differences: Sequence[float]) -> int | None:
    """Returns the seeds with which the mean and spread seen would decide; None where 12 would not be enough."""
    from scipy.special import stdtrit

    n = len(differences)
    mean = sum(differences) / n
    spread = (sum((value - mean) ** 2 for value in differences) / (n - 1)) ** 0.5
    for k in range(max(n, FIRST), LAST + 1):
        if abs(mean) * k**0.5 > stdtrit(k - 1, 1 - level(k) / 2) * spread:
            return k
    return None
