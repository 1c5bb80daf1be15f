"""Learning rate as a function of the samples seen: stateless, the same for every layer of a gradient."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Schedule(BaseModel):
    """Constant warm-up, then cosine annealing: SequentialLR([ConstantLR, CosineAnnealingLR]), stepped once an epoch.

    Source: A (arXiv:2410.05985v1), section 4.1 and Table 10. Past T_max the paper does not say: torch's cosine rises
    again, `hold` stays at its last value, which is 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    lr: Annotated[float, Field(gt=0)] = 0.015
    warm_up_epochs: Annotated[float, Field(ge=0)] = 5
    warm_up_lr: Annotated[float, Field(gt=0)] = 0.005
    t_max: Annotated[float, Field(gt=0, description="epochs of the cosine's half period, after the warm-up")] = 110
    after_t_max: Literal["torch", "hold"] = "torch"
    stepped: Annotated[Literal["epoch", "update"], Field(description="when the rate changes")] = "epoch"

    def __call__(self, epochs: float) -> float:
        """The learning rate after so many epochs' worth of samples (tickets x batch / samples)."""
        if self.stepped == "epoch":
            epochs = math.floor(epochs + 1e-9)  # the quotient of a whole epoch may fall short of it by rounding
        if epochs < self.warm_up_epochs:
            return self.warm_up_lr
        t = epochs - self.warm_up_epochs
        if self.after_t_max == "hold":
            t = min(t, self.t_max)
        return self.lr * (1 + math.cos(math.pi * t / self.t_max)) / 2
