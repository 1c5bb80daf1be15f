from __future__ import annotations

import hashlib
import math
from typing import Any

import pytest

from results.errors import ResultsError
from results.records.identity import as_read, canonical, identity


def test_the_order_of_keys_does_not_matter_and_every_value_does() -> None:
    spec = {"seed": 0, "method": {"name": "bp", "options": {"lr": 0.1, "on": True, "none": None}}, "shape": (3, 3)}
    reordered_spec = {
        "shape": [3, 3],
        "method": {"options": {"none": None, "on": True, "lr": 0.1}, "name": "bp"},
        "seed": 0,
    }
    text = '{"method":{"name":"bp","options":{"lr":0.1,"none":null,"on":true}},"seed":0,"shape":[3,3]}'
    assert canonical(spec) == canonical(reordered_spec) == text
    assert identity(spec) == hashlib.sha256(text.encode()).hexdigest()
    assert identity({**spec, "seed": 1}) != identity(spec)


def test_floats_are_written_by_repr() -> None:
    assert canonical([0.1 + 0.2, 1e-7, 1.0, 1]) == "[0.30000000000000004,1e-07,1.0,1]"


def test_text_beyond_ascii_is_escaped() -> None:
    assert canonical({"name": "θ"}) == '{"name":"\\u03b8"}'


@pytest.mark.parametrize(
    ("spec", "where"),
    [
        ({"lr": math.nan}, "spec.lr is nan"),
        ({"a": [1, {"b": math.inf}]}, r"spec.a\[1\].b is inf"),
        ({"layers": {1: 2}}, "spec.layers has the key 1"),
        ({"path": object()}, "spec.path is a object"),
    ],
)
def test_what_has_no_canonical_form_is_refused(spec: Any, where: str) -> None:
    with pytest.raises(ResultsError, match=where):
        identity(spec)
    with pytest.raises(ResultsError):
        as_read(spec)
