"""Options that hold several values: `--set speedup.betas=1,2` and `--set speedup.betas=2` alike."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

Value = TypeVar("Value")

Several = Annotated[
    tuple[Value, ...],
    Field(min_length=1),
    BeforeValidator(lambda given: [given] if isinstance(given, str | int | float) else given),
    AfterValidator(lambda values: tuple(dict.fromkeys(values))),
]
"""At least one value, each of them once."""
