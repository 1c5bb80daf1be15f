"""Pictures: both files, the same bytes every time, and nothing left open or set."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reports import figures
from reports.figures import Bar, Curve, Law, Panel, timelines
from results.errors import ResultsError

Draw = Callable[[Path], tuple[Path, Path]]


def draw_curves(stem: Path) -> tuple[Path, Path]:
    runs = [
        Curve(
            label,
            panel,
            {"epoch": range(1, 6 - seed), "simulated seconds": [2.0 * e for e in range(1, 6 - seed)]},
            [50 + 5 * e + seed for e in range(1, 6 - seed)],
        )
        for panel in ("ResNet-18", "ResNet-50")
        for label in ("Async LU", "Async BU", "LAP-SGD")
        for seed in range(2)
    ]
    return figures.curves(runs, stem, title="Accuracy", y_label="Accuracy (%)", targets={"ResNet-18": 60.0})


def draw_laws(stem: Path) -> tuple[Path, Path]:
    laws = [Law("β = 2", [1, 2, 4], [1, 1.5, 2], measured=[1, 1.4, 2]), Law("alone", [1, 4], measured=[-1, 2])]
    panels = [Panel(f"K = {k}", "b", "speed-up", laws, log_x=k == 1) for k in range(1, 5)]
    return figures.laws(panels, stem, title="Law")


def draw_bars(stem: Path) -> tuple[Path, Path]:
    values = [
        Bar("B = 128", "LAP-SGD", 10, 1, 12),
        Bar("B = 128", "MB-SGD", None, None, 20),
        Bar("B = 256", "LAP-SGD", 8),
    ]
    return figures.bars(values, stem, title="Time", y_label="seconds")


def draw_timeline(stem: Path) -> tuple[Path, Path]:
    bars = [
        timelines.WorkerBar("forward", "forward", 0, 0, 0.0, 1.0),
        timelines.WorkerBar("backward", "backward", 0, 0, 1.0, 3.0),
        timelines.WorkerBar("backward", "update", 0, 0, 3.0, 3.0),
        timelines.WorkerBar("backward", "update", None, 0, 3.0, 3.5),
        timelines.WorkerBar("backward", "exchange", None, None, 3.5, 4.0),
        timelines.WorkerBar("forward", "snapshot", 0, 1, 3.0, 3.0),
    ]
    arrows = [timelines.Arrow("forward", 1.0, "backward", 1.0), timelines.Arrow("backward", 3.0, "forward", 3.0, 0)]
    rows = ["forward", "backward"]
    return timelines.timeline(rows, ["L1"], bars, arrows, stem, title="Timeline", x_label="seconds")


@pytest.mark.parametrize("draw", [draw_curves, draw_laws, draw_bars, draw_timeline])
def test_a_picture_is_two_files_and_always_the_same(draw: Draw, tmp_path: Path) -> None:
    first, again = draw(tmp_path / "new" / "table3.accuracy"), draw(tmp_path / "again")
    assert [path.name for path in first] == ["table3.accuracy.png", "table3.accuracy.svg"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert first[0].read_bytes().startswith(b"\x89PNG")
    assert b"<dc:date>" not in first[1].read_bytes()
    assert len(list((tmp_path / "new").iterdir())) == 2


def test_the_mean_goes_as_far_as_all_seeds() -> None:
    assert figures._mean([[1.0, 2.0, 3.0], [3.0, 4.0]]) == [2.0, 3.0]


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResultsError, match=r"bars.png cannot be written \(No space left"):
        draw_bars(tmp_path / "bars")
    assert list(tmp_path.iterdir()) == []
