"""The learning rate as a function of the samples seen: stateless, and the same for every layer of a gradient."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from methods.later import Later


class Schedule(BaseModel):
    """A warm-up, then cosine annealing, steps down, a constant rate or an inverse square root.

    The first three are torch.optim.lr_scheduler's, stepped once an epoch; the last is lr (warm-up / epochs)^0.5
    (Vaswani et al., arXiv:1706.03762, section 5.3).

    Sources: A (arXiv:2410.05985v1), section 4.1 and Table 10: constant warm-up, cosine. Past T_max the paper does not
    say: torch's cosine rises again, `hold` stays at its last value, the floor. B (arXiv:2203.06638), section 3.1:
    linear warm-up from one worker's rate; cosine for LAP-SGD and LPP-SGD, steps down (Lin et al., arXiv:1808.07217) for
    MB-SGD and PL-SGD.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["cosine", "multistep", "constant", "inverse_sqrt"] = "cosine"
    lr: Annotated[float, Field(gt=0)] = 0.015
    base_batch: Annotated[
        int | None, Field(ge=1, description="lr is for this batch and grows in proportion; none: for any batch")
    ] = None
    warm_up: Annotated[Literal["constant", "linear"], Field(description="at warm_up_lr, or from it up to lr")] = (
        "constant"
    )
    warm_up_epochs: Annotated[float, Field(ge=0)] = 5
    warm_up_lr: Annotated[float, Field(ge=0)] = 0.005
    t_max: Annotated[float, Field(gt=0, description="epochs of the cosine's half period, after the warm-up")] = 110
    floor: Annotated[float, Later(0.0), Field(ge=0, description="the rate that the cosine goes down to")] = 0.0
    after_t_max: Literal["torch", "hold"] = "torch"
    milestones: Annotated[tuple[float, ...], Field(description="epochs at which multistep multiplies by gamma")] = ()
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1
    stepped: Annotated[Literal["epoch", "update"], Field(description="when the rate changes")] = "epoch"

    @field_validator("warm_up_epochs")
    @classmethod
    def _warm_up_before_a_root(cls, epochs: float, info: ValidationInfo) -> float:
        if not epochs and info.data.get("kind") == "inverse_sqrt":
            raise ValueError("inverse_sqrt follows a warm-up, of more than 0 epochs")
        return epochs

    def __call__(self, epochs: float, *, factor: float = 1.0) -> float:
        """Returns the learning rate after so many epochs' worth of samples (tickets x batch / samples).

        factor multiplies lr, and the rate of a constant warm-up; a linear warm-up starts from warm_up_lr unmultiplied,
        one worker's rate.
        """
        if self.stepped == "epoch":
            epochs = math.floor(epochs + 1e-9)  # the quotient of a whole epoch may fall short of it by rounding
        if epochs < self.warm_up_epochs:
            if self.warm_up == "constant":
                return self.warm_up_lr * factor
            return self.warm_up_lr + (self.lr * factor - self.warm_up_lr) * epochs / self.warm_up_epochs
        return self.lr * factor * self._share(epochs)

    def _share(self, epochs: float) -> float:
        """Returns the factor of lr after the warm-up."""
        if self.kind == "constant":
            return 1.0
        if self.kind == "multistep":
            return float(self.gamma ** sum(epochs >= milestone for milestone in self.milestones))
        if self.kind == "inverse_sqrt":
            return math.sqrt(self.warm_up_epochs / epochs)
        t = epochs - self.warm_up_epochs
        if self.after_t_max == "hold":
            t = min(t, self.t_max)
        floor = self.floor / self.lr
        return floor + (1 - floor) * (1 + math.cos(math.pi * t / self.t_max)) / 2
