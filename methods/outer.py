"""The options of outer optimizers: those that take steps on weights that others are anchored to."""

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


@options
class DelayedOptions(OuterOptions):
    """Those of a server that takes a step by each pseudo-gradient as it comes.

    delayed_sgd collects N and takes a step of SGD by their mean. delayed_nesterov (arXiv:2401.09135, Algorithm 4) takes
    one by each, over N, without momentum, and with every N-th refreshes the momentum by their mean.
    """

    name: Annotated[
        Literal["sgd", "nesterov", "delayed_sgd", "delayed_nesterov"],
        Field(description="SGD, or with Nesterov's momentum; delayed: all N, or its momentum, by every N-th"),
    ] = "nesterov"  # type: ignore[assignment]  # a wider choice
    lr: Annotated[float, Field(gt=0, allow_inf_nan=False, description="rate of the outer steps")] = 0.07
    every: Annotated[int, Field(ge=0, description="N of the delayed ones; 0: the devices")] = 0
    activation: Annotated[
        float, Field(ge=0, le=1, description="c N of delayed_nesterov: momentum's share in the steps in between")
    ] = 0.0
