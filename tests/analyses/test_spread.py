"""Over schedules and over seeds: the table, and that the replay at the recorded seed is the recorded run."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks.analyses.definition import Finding, Request
from benchmarks.analyses.registry import analysis
from benchmarks.errors import UserError
from benchmarks.hardware import cards
from results.statistics.intervals import std_interval, std_ratio_interval
from tests.sure import sure


def found(tmp_path: Path, *networks: str, names: tuple[str, ...] = ()) -> Finding:
    spread = analysis("spread")
    options = spread.options({"runs": "2", "epochs": "1", "batches": "4"})
    return spread.run(Request("smoke", (0,), cards.load("paper-a"), names, networks, options, tmp_path))


def test_both_spreads_stand_beside_each_other_with_their_intervals(tmp_path: Path) -> None:
    (table,) = found(tmp_path).tables
    assert [(row.row, row.method_label) for row in table.rows] == [
        ("async_lu", "Async LU"),
        ("lapsgd", "LAPSGD (updaters 2)"),
    ]
    for row in table.rows:
        loss = [cell.measured.mean for cell in row.cells[:3] if cell.measured is not None]
        assert len(loss) == 3
        assert loss[2] == pytest.approx((loss[0] or 0) / (loss[1] or math.nan))
        assert (loss[1] or 0) > 0, "two seeds end alike"
    text = " ".join([*table.captions, *table.notes])
    assert text.count("ended as its recorded run, to the last bit.") == 2
    assert "2 recorded runs of real threads at seed 0 on " in text
    assert "cores" in text
    assert text.count("95 % intervals") == 4


def test_a_network_that_is_none_of_them_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="resnet18, resnet50, lstm"):
        found(tmp_path, "squeezenet")


def test_intervals_of_a_standard_deviation_are_those_of_the_books() -> None:
    """Chi-squared at 99 degrees of freedom is 73.361 at 2.5 % and 128.422 at 97.5 %; F at 2 and 2 is 39 at 97.5 %."""
    values = [float(i) for i in range(100)]
    interval = sure(std_interval(values))
    s = math.sqrt(sum((v - 49.5) ** 2 for v in values) / 99)
    assert (interval.low, interval.high) == pytest.approx((s * 0.8780, s * 1.1617), rel=1e-3)
    ratio = sure(std_ratio_interval([0.0, 1.0, 2.0], [0.0, 2.0, 4.0]))
    assert (ratio.low, ratio.high) == pytest.approx((0.5 / math.sqrt(39.0), 0.5 * math.sqrt(39.0)), rel=1e-3)
    assert std_interval([1.0, 1.0]) is None
    assert std_ratio_interval([1.0, 2.0], [3.0]) is None
