"""Fields that came later: a spec lacks them where they change nothing, so that older runs stay what they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Later:
    """Marks a field that runs were made without: `cut: Annotated[str, Later("parameters")] = "flops"`.

    before: what those runs did. A run's spec has the field only where its value is another one.
    """

    before: Any


def unsaid(made: Any) -> dict[str, Any]:
    """What a pydantic model's or dataclass's spec lacks, as `model_dump(exclude=...)` takes it."""
    found: dict[str, Any] = {}
    for name, field in getattr(type(made), "__pydantic_fields__", {}).items():
        value = getattr(made, name)
        if Later(value) in field.metadata:
            found[name] = True
        elif inside := unsaid(value):
            found[name] = inside
    return found


def with_unsaid(kind: type, said: Mapping[str, Any]) -> dict[str, Any]:
    """A spec's fields of such a class, and those that it lacks, with what runs did before these were there."""
    fields = getattr(kind, "__pydantic_fields__", {})
    before = {name: one.before for name, field in fields.items() for one in field.metadata if isinstance(one, Later)}
    return {**before, **said}
