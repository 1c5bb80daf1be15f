"""Computes when a run is evaluated: every n epochs, or k times per epoch, and always at the end of training."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

ROUNDING = 1e-5
"""Tolerated relative error of a fraction of an epoch: 0.33333 is a third."""


def interval(every: object) -> Fraction:
    """Parses the epochs between two evaluations: 2, 0.25 or "1/4". Raises ValueError unless a whole number or 1/k."""
    if isinstance(every, Fraction):
        return every
    share = re.fullmatch(r"\s*1\s*/\s*([1-9]\d{0,8})\s*", every) if isinstance(every, str) else None
    try:
        number = 1 / int(share[1]) if share is not None else float(every)  # type: ignore[arg-type]
        exact = Fraction(round(number)) if number >= 1 else Fraction(1, round(1 / number))
    except (TypeError, ValueError, ArithmeticError):
        exact = Fraction(0)
    if exact > 0 and abs(number / exact - 1) <= (ROUNDING if exact < 1 else 0):
        return exact
    raise ValueError("give a whole number of epochs, or 1/k (such as 1/4, or 0.25) for k evaluations in each")


def epoch_number(at: Fraction) -> int | float:
    """Returns the epoch as journals write it: an int if whole."""
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
    """Returns the epochs after which an evaluation is due. number: from 1. epochs: planned."""
    return min(number * every, Fraction(epochs))


def evaluations_until(done: Fraction, every: Fraction, epochs: int) -> int:
    """Number of evaluations due after `done` epochs."""
    return math.ceil(done / every) if done >= epochs else math.floor(done / every)
