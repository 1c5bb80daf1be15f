"""Section 3.3: virtual speed-ups against the law, over the whole grid."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.analyses.definition import Finding, Request
from benchmarks.analyses.registry import analysis
from benchmarks.analyses.speedup import SpeedupOptions, grid, law
from benchmarks.errors import UserError
from benchmarks.hardware import cards

SMALL = {"batches": "1,4,16", "betas": "1,2", "workers": "1,2"}


def found(tmp_path: Path, settings: dict[str, str], card: str = "paper-a") -> Finding:
    speedup = analysis("speedup")
    return speedup.run(Request("smoke", (0,), cards.load(card), (), (), speedup.options(settings), tmp_path))


@pytest.mark.parametrize("method", ["async_lu", "async_bu"])
def test_measured_and_law_agree_at_the_corners_of_the_grid(method: str) -> None:
    """b in 1 ... 1000, beta in 1 ... 4, K in 1 ... 6. Not within 2 %: exactly."""
    points = list(grid(SpeedupOptions(betas=(1, 2.5, 4), workers=(1, 3, 6)), method))
    assert len(points) == 8 * 3 * 3
    assert max(point.deviation for point in points) < 1e-9


def test_with_enough_workers_the_law_is_the_papers() -> None:
    assert law(7, 2.0, 2) == pytest.approx(7 * 3 / 9)
    assert law(7, 2.5, 3) == pytest.approx(7 * 3.5 / 9.5)


def test_the_printed_t1_misses_the_measurement() -> None:
    """The erratum: (b + beta) T over the paper's own T2 is no speed-up at all."""
    points = list(grid(SpeedupOptions(batches=(1, 64), betas=(2,), workers=(2,), law="printed")))
    assert [point.law for point in points] == [pytest.approx(1.0)] * 2
    assert points[0].deviation < 1e-9
    assert points[1].deviation > 1.5


def test_the_finding_has_the_grid_the_cards_networks_and_a_picture(tmp_path: Path) -> None:
    finding = found(tmp_path, SMALL)
    grid_table, networks = finding.tables
    assert grid_table.reference == "law"
    assert len(grid_table.rows) == 6
    assert "erratum" in grid_table.notes[0].lower()
    ideal = {(row.network, row.row): row.cells[0] for row in networks.rows}
    for network, speedup in (("resnet18", 2.96), ("resnet50", 2.80)):
        cell = ideal[network, "workers=2"]
        assert cell.published is not None
        assert cell.published.mean == pytest.approx(speedup, rel=2e-3)
        assert cell.ratio == pytest.approx(1, abs=0.02)
    assert [path.name for path in finding.pictures] == [f"speedup.{ending}" for ending in ("png", "svg", "pdf")]
    assert all(path.is_file() for path in finding.pictures)


def test_one_value_is_a_list_and_a_bad_option_is_told() -> None:
    with pytest.raises(UserError, match="batches"):
        analysis("speedup").options({"batches": "0"})
    assert analysis("speedup").options({"betas": "2", "batches": "4,4"}) == SpeedupOptions(betas=(2,), batches=(4,))
    with pytest.raises(UserError, match="betas"):
        analysis("speedup").options({"beta": "2"})
