"""Options of outer optimizers, which apply averaged pseudo-gradients (anchor - local weights) to the anchor.

Source: Douillard et al., "DiLoCo" (arXiv:2311.08105), Algorithm 1; for servers Liu et al., "Asynchronous Local-SGD
Training for Language Modeling" (arXiv:2401.09135).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from methods.base import options


@options
class OuterOptions:
    """Options of an outer step, computed as torch.optim.SGD does. name=nesterov with momentum=0 is plain SGD.

    OuterOptions(name="nesterov", lr=0.7, momentum=0.9)  # the defaults
    """

    name: Annotated[Literal["sgd", "nesterov"], Field(description="SGD, or with Nesterov's momentum")] = "nesterov"
    lr: Annotated[float, Field(gt=0, allow_inf_nan=False, description="rate of the outer steps")] = 0.7
    momentum: Annotated[float, Field(ge=0, lt=1, description="of the outer steps")] = 0.9


@options
class DelayedOptions(OuterOptions):
    """Options of a server that handles each pseudo-gradient when it arrives.

    sgd, nesterov: one step per pseudo-gradient. delayed_sgd: collects N of them, then takes one SGD step by their mean.
    delayed_nesterov (arXiv:2401.09135, Algorithm 4): takes a step by each one divided by N, without momentum, and
    updates the momentum by their mean at every N-th.
    """

    name: Annotated[
        Literal["sgd", "nesterov", "delayed_sgd", "delayed_nesterov"],
        Field(description="SGD, or with Nesterov's momentum; delayed: steps, or only the momentum, at every N-th"),
    ] = "nesterov"  # type: ignore[assignment]  # a wider choice
    lr: Annotated[float, Field(gt=0, allow_inf_nan=False, description="rate of the outer steps")] = 0.07
    every: Annotated[int, Field(ge=0, description="N of the delayed ones; 0: the number of devices")] = 0
    activation: Annotated[
        float, Field(ge=0, le=1, description="c N of delayed_nesterov: share of the momentum in the steps in between")
    ] = 0.0
