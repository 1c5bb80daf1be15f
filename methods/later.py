"""Fields that came later: a spec leaves them out where they change nothing, so that older runs stay what they are."""

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


def left_out(made: Any) -> dict[str, Any]:
    """Names what a spec leaves out of a pydantic model, dataclass or dict, as `model_dump(exclude=...)` takes it."""
    if isinstance(made, Mapping):
        return {key: inside for key, value in made.items() if (inside := left_out(value))}
    names: dict[str, Any] = {}
    for name, field in getattr(type(made), "__pydantic_fields__", {}).items():
        value = getattr(made, name)
        if Later(value) in field.metadata:
            names[name] = True
        elif inside := left_out(value):
            names[name] = inside
    return names


def filled_in(kind: type, said: Mapping[str, Any]) -> dict[str, Any]:
    """Adds what a spec leaves out of such a class, with the values that runs had before these fields were there."""
    fields = getattr(kind, "__pydantic_fields__", {})
    before = {name: one.before for name, field in fields.items() for one in field.metadata if isinstance(one, Later)}
    return {**before, **said}
