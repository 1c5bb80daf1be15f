"""Hashes what defines a run's numbers into the run's identity, and describes the checkout that trained it."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from results.errors import ResultsError
from results.records.spec import RunSpec


def canonical(spec: Any) -> str:
    """Returns canonical JSON: keys sorted, no white space, floats by `repr`, ASCII.

    1 and 1.0 differ, so a spec must use one type per option. Tuples are written as lists.

    Raises:
        ResultsError: a key is not a string, a float is not finite, or JSON cannot hold a value.
    """
    _check(spec, "spec")
    return json.dumps(spec, sort_keys=True, separators=(",", ":"), allow_nan=False)


def identity(spec: Any) -> str:
    """Returns the sha256 of the canonical JSON, 64 hexadecimal digits. Raises as `canonical`."""
    return hashlib.sha256(canonical(spec).encode("ascii")).hexdigest()


def run_id(spec: RunSpec) -> str:
    """Returns a run's identity. Raises as `canonical`."""
    return identity(spec.document())


def checkout(commit: str | None, modified: bool | None) -> str:
    """Describes a commit: "0f1e", "0f1e, modified", "0f1e, perhaps modified" if unknown; "" without a commit."""
    changed = {False: "", True: ", modified", None: ", perhaps modified"}[known_flag(modified)]
    return f"{commit}{changed}" if commit else ""


def known_flag(value: Any) -> bool | None:
    """Returns a recorded flag; None, for unknown, if it is not a bool."""
    return value if isinstance(value, bool) else None


def as_read(value: Any) -> Any:
    """Returns the value as it is read back from JSON, with tuples as lists. Raises as `canonical`."""
    _check(value, "value")
    return json.loads(json.dumps(value, allow_nan=False))


def _check(value: Any, where: str) -> None:
    # json.dumps would turn the key 1 into "1", and so give two specs one identity.
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ResultsError(f"{where} has the key {key!r}, which is not a string; name it with one.")
            _check(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check(item, f"{where}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ResultsError(f"{where} is {value!r}; a run can only be defined by finite numbers.")
    elif value is not None and not isinstance(value, str | int | float):
        raise ResultsError(f"{where} is a {type(value).__name__}, which JSON cannot hold; use text or a number.")
