"""The site's pages of methods show the staleness of the simulated epoch."""

from __future__ import annotations

import pytest

from benchmarks.hardware.price import Price
from tools import site

SKETCH = [(f"L{m}", 1) for m in (1, 2, 3)], Price.uniform(3, 1.0, 2.0)


def test_each_applied_gradient_has_its_staleness() -> None:
    """Two backward workers: after the start, both update the first layer between a read of it and its own update."""
    staleness = site.staleness("async_lu", *SKETCH, 8)
    assert staleness["L1"] == [0, 1, 2, 2, 2, 2, 2, 2]
    assert [sum(values) / 8 for values in staleness.values()] == [1.625, 1.125, 0.5]
    assert site.staleness("async_bu", *SKETCH, 8) == dict.fromkeys(staleness, staleness["L1"])
    assert site.staleness("bp", *SKETCH, 8) == dict.fromkeys(staleness, [0] * 8)


@pytest.mark.parametrize(("method", "rows"), [("async_lu", 3), ("async_bu", 1), ("bp", 0)])
def test_layers_that_are_alike_share_a_line(method: str, rows: int) -> None:
    lines = [line for line in site.staleness_section(method).splitlines() if line.startswith("| ")]
    assert len(lines) == (rows and rows + 2)
