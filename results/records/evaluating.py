"""When a run is evaluated: after every n-th epoch, or k times in each; always at the end of the last one."""

from __future__ import annotations

import math
from fractions import Fraction

ROUNDING = 1e-5
"""Relative: 0.33333 is a third."""


def interval(every: float) -> Fraction:
    """Epochs between two evaluations. Raises ValueError where they are neither a whole number nor 1/k of one."""
    if 1 <= every < math.inf and every == int(every):
        return Fraction(int(every))
    times = round(1 / every) if 0 < every < 1 else 0
    if not times or abs(every * times - 1) > ROUNDING:
        raise ValueError(f"{every:g} is neither a whole number of epochs nor one epoch over a whole number")
    return Fraction(1, times)


def evaluated_at(number: int, every: Fraction, epochs: int) -> Fraction:
    """The epochs after which the evaluation of this number is made; 1 is the first. epochs: planned."""
    return min(number * every, Fraction(epochs))


def evaluations_until(done: Fraction, every: Fraction, epochs: int) -> int:
    """How many there are once so many epochs are done."""
    return math.ceil(done / every) if done >= epochs else math.floor(done / every)


def epoch_number(at: Fraction) -> float:
    """As journals have it: a whole number where it is one, so that 3 stays 3."""
    return int(at) if at.denominator == 1 else float(at)
