"""The options of an outer optimizer: one that takes steps on weights that others are anchored to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from methods.base import options


@options
class OuterOptions:
    """Those of torch's SGD, whose arithmetic it is. Nesterov's momentum of 0 is none."""

    name: Annotated[Literal["sgd", "nesterov"], Field(description="SGD, or with Nesterov's momentum")] = "nesterov"
    lr: Annotated[float, Field(gt=0, allow_inf_nan=False, description="rate of the outer steps")] = 0.7
    momentum: Annotated[float, Field(ge=0, lt=1, description="of the outer steps")] = 0.9
