"""Options that were added later. Specs leave them out where they change nothing: older runs keep their ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Later:
    """Marks a field that earlier runs did not have: `cut: Annotated[str, Later("parameters")] = "flops"`.

    before: the value that describes those runs. A run's spec has the field only where its value is another one.
    """

    before: Any


def left_out(spec: Any) -> dict[str, Any]:
    """Returns the fields of a pydantic model or dataclass that its spec leaves out, for `model_dump(exclude=...)`."""
    if isinstance(spec, Mapping):
        return {key: inside for key, value in spec.items() if (inside := left_out(value))}
    names: dict[str, Any] = {}
    for name, field in getattr(type(spec), "__pydantic_fields__", {}).items():
        value = getattr(spec, name)
        if Later(value) in field.metadata:
            names[name] = True
        elif inside := left_out(value):
            names[name] = inside
    return names


def filled_in(kind: type, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a spec's fields with those that it left out, at the values that describe runs without them."""
    fields = getattr(kind, "__pydantic_fields__", {})
    before = {name: mark.before for name, field in fields.items() for mark in field.metadata if isinstance(mark, Later)}
    return {**before, **recorded}
