"""Options of data, apart from the code that needs NumPy: how texts become tokens, and how devices share samples."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Text(BaseModel):
    """Options of texts: size of the vocabulary, and the part of each review that is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vocabulary: int = Field(20000, ge=1, description="most common words kept, beside <unk> and <pad>")
    length: int = Field(256, ge=1, description="tokens that a review is cut or padded to")
    keep: Literal["first", "last"] = Field("first", description="which end of a longer review is kept")


class Tokens(BaseModel):
    """Options of a long text: the unit of its tokens, and the length of a window.

    A sample is a window, so that an epoch has `train_samples` x `context` tokens.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: Literal["characters", "bytes", "bpe"] = Field("characters", description="bpe: trained on the training part")
    vocabulary: int = Field(1024, ge=257, le=1_000_000, description="tokens of a bpe; of no other unit")
    context: int = Field(64, ge=1, le=65_536, description="tokens of a window")

    def held_out(self, windows: int | None) -> int:
        """Returns how many tokens so many windows take, one after the other: the last is followed by one."""
        return windows * self.context + 1 if windows else 0


class Shards(BaseModel):
    """Settings of the devices' parts of the training data: Dirichlet(alpha) over labels, or over blocks of a text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alpha: Annotated[
        float | None,
        Field(ge=1e-3, le=1e6, description="the smaller, the less alike; none: all devices draw from all samples"),
    ] = None
    seed: Annotated[int, Field(ge=0, lt=2**32, description="of the shards, the same for all runs")] = 0

    @model_validator(mode="after")
    def _seed_needs_alpha(self) -> Shards:
        if self.alpha is None and self.seed:
            raise ValueError("without shards.alpha there are no shards that a seed could draw")
        return self
