"""Section 3.4: the wait of block updates against the law, over the depth."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from benchmarks.analyses.definition import Request
from benchmarks.analyses.registry import analysis
from benchmarks.analyses.staleness import StalenessOptions, law_of_layer, law_of_sum, point
from benchmarks.hardware import cards


def test_the_wait_follows_the_law() -> None:
    for layers, beta in product((2, 10, 32), (1.0, 4.0)):
        result = point(layers, beta, StalenessOptions(batches=20))
        assert result.wait_sum == pytest.approx(law_of_sum(layers, beta), rel=1e-9)
        assert result.waits == pytest.approx([law_of_layer(m, layers, beta) for m in range(1, layers + 1)], abs=1e-9)


def test_layerwise_updates_are_less_stale_in_updates() -> None:
    result = point(10, 2.0, StalenessOptions())
    layerwise, block = ([layer["updates"] for layer in layers] for layers in (result.layerwise, result.block))
    assert all(by_layer <= by_block for by_layer, by_block in zip(layerwise, block, strict=True))
    assert layerwise[-1] == 0 < block[-1]
    assert block == pytest.approx([2] * 10, abs=0.05)  # two backward passes under way, short of 2 by the epoch's start


def test_the_finding_shows_both_forms_and_a_picture(tmp_path: Path) -> None:
    staleness = analysis("staleness")
    options = staleness.options({"depths": "4,10", "betas": "2", "depth": "4"})
    finding = staleness.run(Request("smoke", (0,), cards.load("paper-a"), (), (), options, tmp_path))
    depths, layers = finding.tables
    laws = [[cell.published.mean if cell.published else None for cell in row.cells] for row in depths.rows]
    assert laws == [[3, 0.75, None, None], [9, 0.9, None, None]]
    assert [cell.ratio for row in depths.rows for cell in row.cells[:2]] == [pytest.approx(1)] * 4
    assert len(layers.rows) == 4
    assert "Erratum" in depths.notes[0]
    assert [path.name for path in finding.pictures] == [f"staleness.{ending}" for ending in ("png", "svg", "pdf")]
