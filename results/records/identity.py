"""A run's identity: the hash of everything that defines its numbers; and words for the checkout that made it."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from results.errors import ResultsError
from results.records.spec import RunSpec


def canonical(spec: Any) -> str:
    """Canonical JSON: keys sorted, no white space, floats by `repr`, ASCII.

    1 and 1.0 stay different: a spec must use one type for one option. Tuples are written as lists.

    Raises:
        ResultsError: a key that is not a string, a float that is not finite, or a value that JSON cannot hold.
    """
    _check(spec, "spec")
    return json.dumps(spec, sort_keys=True, separators=(",", ":"), allow_nan=False)


def identity(spec: Any) -> str:
    """The sha256 of the canonical JSON, as 64 hexadecimal digits. Raises as `canonical`."""
    return hashlib.sha256(canonical(spec).encode("ascii")).hexdigest()


def run_id(spec: RunSpec) -> str:
    """A run's identity. Raises as `canonical`."""
    return identity(spec.document())


def checkout(commit: str | None, modified: bool | None) -> str:
    """A commit, and whether files were modified ("0f1e, modified"; "perhaps" where not known); "" without one."""
    changed = {False: "", True: ", modified", None: ", perhaps modified"}[known_flag(modified)]
    return f"{commit}{changed}" if commit else ""


def known_flag(value: Any) -> bool | None:
    """True or False as recorded; None, for unknown, where it is something else."""
    return value if isinstance(value, bool) else None


def as_read(value: Any) -> Any:
    """The value as JSON gives it back, tuples as lists. Raises as `canonical`."""
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
