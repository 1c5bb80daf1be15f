"""The option of giving each device a part of the data of its own, apart from the code that needs NumPy."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Shards(BaseModel):
    """Settings of the devices' parts of the training data: Dirichlet(alpha) over labels, or over blocks of a text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alpha: Annotated[
        float | None,
        Field(ge=1e-3, le=1e6, description="the smaller, the less alike; none: all devices draw from all samples"),
    ] = None
    seed: Annotated[int, Field(ge=0, lt=2**32, description="of the shards, the same for all runs")] = 0

    @model_validator(mode="after")
    def _of_shards(self) -> Shards:
        if self.alpha is None and self.seed:
            raise ValueError("without shards.alpha there are no shards that a seed could draw")
        return self
