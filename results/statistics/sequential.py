"""Tests paired differences after every seed (group-sequential: Pocock, 1977; Wang & Tsiatis, 1987).

From the 4th to the 12th seed, the test after n seeds is Student's t at the level LEVEL (n / 12)^2: early tests are
stricter than late ones, and the chance that any of the nine calls equal means different is 5 % in all. A test at 5 %
that is repeated after every seed errs in more than 15 %. Giving up early what shows nothing saves seeds and only lowers
that chance, so that whoever goes on all the same errs in no more than 5 % either (non-binding futility).
"""

from __future__ import annotations

from collections.abc import Sequence

from results.statistics.intervals import Interval, mean_interval

FIRST, LAST = 4, 12
"""Seeds at the first test and at the last."""
LEVEL = 0.0251
"""Level of the last test, from simulated normal differences (tests/results/test_sequential.py repeats it)."""

GIVE_UP_FROM, GIVE_UP_ABOVE = 6, 0.4
"""Seeds and p from which a pair is given up; a true difference of one standard deviation loses a hundredth of power."""


def level(n: int) -> float:
    """Returns the level of the test after n seeds."""
    return LEVEL * (n / LAST) ** 2


def interval(differences: Sequence[float]) -> Interval | None:
    """Returns the interval of the mean by which the test decides: whether it leaves out 0.

        interval([-2.1, -3.0, -2.6, -2.4])  # at 99.7 %: [-3.9, -1.1], decided

    None before the first test and after the last, when nothing may be decided.

    Args:
        differences: one per seed, in the order in which the seeds were run: the first n of at most 12.
    """
    n = len(differences)
    return mean_interval(differences, 1 - level(n)) if FIRST <= n <= LAST else None


def decided_at(differences: Sequence[float]) -> int | None:
    """Returns the number of seeds at the first test that decides; None if none does."""
    for n in range(FIRST, min(len(differences), LAST) + 1):
        tested = interval(differences[:n])
        if tested is not None and tested.leaves_out(0):
            return n
    return None


def given_up(differences: Sequence[float]) -> bool:
    """Returns whether further seeds promise little: there are 6 or more, and p is above 0.4.

    A choice of where to spend seeds, not a finding: the rows are not shown to be equal.
    """
    likely = mean_interval(differences, 1 - GIVE_UP_ABOVE)
    return len(differences) >= GIVE_UP_FROM and likely is not None and not likely.leaves_out(0)


def seeds_to_decide(differences: Sequence[float]) -> int | None:
    """Returns the number of seeds with which the observed mean and spread would decide; None if 12 are too few."""
    from scipy.special import stdtrit

    n = len(differences)
    mean = sum(differences) / n
    spread = (sum((value - mean) ** 2 for value in differences) / (n - 1)) ** 0.5
    for k in range(max(n, FIRST), LAST + 1):
        if abs(mean) * k**0.5 > stdtrit(k - 1, 1 - level(k) / 2) * spread:
            return k
    return None
