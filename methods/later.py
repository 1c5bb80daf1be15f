"""Options that were added after runs had been recorded.

The spec of a run leaves such an option out while its value describes the earlier runs, so that these keep their ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

SCALARS = frozenset({str, int, float, bool, type(None), tuple})
"""Types of values that have no fields of their own."""


@dataclass(frozen=True)
class Later:
    """Marks a field that earlier runs did not have: `cut: Annotated[str, Later("parameters")] = "flops"`.

    before: the value that describes those runs. A run's spec has the field only if its value differs.
    """

    before: Any


def left_out(spec: Any) -> dict[str, Any]:
    """Returns the fields of a model or dataclass that its spec leaves out, as `model_dump(exclude=...)` takes them."""
    if isinstance(spec, Mapping):
        return {key: inside for key, value in spec.items() if (inside := left_out(value))}
    kind: type = type(spec)
    names: dict[str, Any] = {}
    for name, mark in _marks(kind).items():
        value = getattr(spec, name)
        if mark is not None and mark == Later(value):
            names[name] = True
        elif type(value) not in SCALARS and (inside := left_out(value)):
            names[name] = inside
    return names


def filled_in(kind: type, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a recorded spec's fields, with those that it left out at the values that describe runs without them."""
    before = {name: mark.before for name, mark in _marks(kind).items() if mark is not None}
    return {**before, **recorded}


@cache
def _marks(kind: type) -> dict[str, Later | None]:
    """Returns each field of a pydantic model or dataclass with its `Later` mark or None; {} for any other class."""
    fields = getattr(kind, "__pydantic_fields__", {})
    return {
        name: next((mark for mark in field.metadata if isinstance(mark, Later)), None) for name, field in fields.items()
    }
