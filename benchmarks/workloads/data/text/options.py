"""Options of making texts into rows of tokens, apart from the code that needs NumPy."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Text(BaseModel):
    """Options of texts: size of the vocabulary, and the part of each review that is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vocabulary: int = Field(20000, ge=1, description="most common words kept, beside <unk> and <pad>")
    length: int = Field(256, ge=1, description="tokens that a review is cut or padded to")
    keep: Literal["first", "last"] = Field("first", description="which end of a longer review is kept")
