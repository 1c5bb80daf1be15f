"""Times at which a run is evaluated: after every n-th epoch, or k times in each; always at the end of the last one."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

ROUNDING = 1e-5
"""Relative: 0.33333 is a third."""


def interval(every: object) -> Fraction:
    """Epochs between two evaluations: 2, 0.25, "1/4". Raises ValueError unless a whole number, or 1/k of one."""
    if isinstance(every, Fraction):
        return every
    if isinstance(every, int | float | str) and (found := _whole_or_share(every)) is not None:
        return found
    raise ValueError("give a whole number of epochs, or 1/k (such as 1/4, or 0.25) for k evaluations in each")


def _whole_or_share(given: float | str) -> Fraction | None:
    share = re.fullmatch(r"\s*1\s*/\s*([1-9]\d{0,8})\s*", given) if isinstance(given, str) else None
    try:
        every = 1 / int(share[1]) if share is not None else float(given)
    except ValueError:
        return None
    if 1 <= every < math.inf and every == int(every):
        return Fraction(int(every))
    times = round(1 / every) if 0 < every < 1 and 1 / every < math.inf else 0
    return Fraction(1, times) if times and abs(every * times - 1) <= ROUNDING else None


def epoch_number(at: Fraction) -> int | float:
    """Epoch as journals write it: an int where it is whole, so that 3 stays 3."""
    return int(at) if at.denominator == 1 else float(at)


Every = Annotated[
    Fraction,
    BeforeValidator(interval),
    PlainSerializer(epoch_number),
    WithJsonSchema({"type": "number"}),
    Field(description="epochs between two evaluations: whole ones, or 1/k for k in each, with workers drained"),
]
"""Epochs between two evaluations: a fraction in memory, a number in JSON."""


def evaluated_at(number: int, every: Fraction, epochs: int) -> Fraction:
    """The epochs after which the evaluation of this number is made; 1 is the first. epochs: planned."""
    return min(number * every, Fraction(epochs))


def evaluations_until(done: Fraction, every: Fraction, epochs: int) -> int:
    """Number of evaluations once `done` epochs are done."""
    return math.ceil(done / every) if done >= epochs else math.floor(done / every)
