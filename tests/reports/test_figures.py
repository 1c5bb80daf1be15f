"""Pictures: both files, the same bytes every time, and nothing left open or set."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from reports.figures import canvas, coincidence, curves, densities, diagnostics, timelines
from reports.figures.curves import Curve
from reports.figures.dots import Dot, dots
from reports.figures.looks import looks
from reports.speedups import SpeedupSplit
from results.errors import ResultsError
from results.statistics.intervals import Interval
from tests.sure import sure

Draw = Callable[[Path], tuple[Path, ...]]


def draw_curves(stem: Path) -> tuple[Path, ...]:
    runs = [
        Curve(
            label,
            panel,
            {"epoch": range(1, 6 - seed), "simulated seconds": [2.0 * e for e in range(1, 6 - seed)]},
            [50 + 5 * e + seed for e in range(1, 6 - seed)],
            label,
        )
        for panel in ("ResNet-18", "ResNet-50")
        for label in ("async_lu", "async_bu", "lapsgd")
        for seed in range(2)
    ]
    return curves.curves(runs, stem, title="Accuracy", y_label="Accuracy (%)", targets={"ResNet-18": 60.0})


def draw_dots(stem: Path) -> tuple[Path, ...]:
    values = [
        Dot("2 devices", "LAP-SGD", "lapsgd", 10, 9, 11, 12),
        Dot("2 devices", "MB-SGD", "mbsgd", published=20),
        Dot("4 devices", "LAP-SGD", "lapsgd", 8),
    ]
    return dots(values, stem, title="Time", y_label="seconds", log_y=True)


def draw_timeline(stem: Path) -> tuple[Path, ...]:
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


@pytest.mark.parametrize(
    ("draw", "inches"),
    [(draw_curves, canvas.COLUMN), (draw_dots, None), (draw_timeline, None)],
)
def test_a_picture_is_three_files_and_always_the_same(draw: Draw, inches: float | None, tmp_path: Path) -> None:
    """A paper's is as wide as a column or as two, and has its letters with it."""
    first = draw(tmp_path / "new" / "table3.accuracy")
    assert [path.name for path in first] == [f"table3.accuracy.{ending}" for ending in ("png", "svg", "pdf")]
    if draw is draw_curves:
        assert [path.read_bytes() for path in first] == [path.read_bytes() for path in draw(tmp_path / "again")]
    png, svg, pdf = (path.read_bytes() for path in first)
    assert png.startswith(b"\x89PNG")
    assert b"<dc:date>" not in svg
    assert b"CreationDate" not in pdf
    assert len(list((tmp_path / "new").iterdir())) == 3
    box = sure(re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf))
    assert inches is None or float(box[1]) == pytest.approx(72 * inches)
    assert b"/FontFile2" in pdf  # TrueType, whole letters
    assert b"/Type3" not in pdf


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResultsError, match=r"dots.png cannot be written \(No space left"):
        draw_dots(tmp_path / "dots")
    assert list(tmp_path.iterdir()) == []


# ---- how a method looks


def test_a_method_looks_the_same_in_every_figure() -> None:
    """Whatever else is drawn, and in whatever order."""
    first, second = (
        looks(["async_lu", "async_bu", "bp"]),
        looks(["mine", "bp", "lapsgd", "async_lu@queue=4", "async_lu"]),
    )
    assert first["bp"] == second["bp"]
    assert first["async_lu"] == second["async_lu"]
    assert looks(["mine"])["mine"] == second["mine"]
    assert looks(["async_lu@queue=4"])["async_lu@queue=4"] == second["async_lu@queue=4"]


def test_rows_of_a_method_share_its_colour_and_no_two_rows_look_alike() -> None:
    rows = ["lapsgd", *(f"lapsgd@updaters={count}" for count in range(2, 40))]
    row_looks = looks([*rows, "lppsgd", "bp"])
    assert len({row_looks[row].colour for row in rows}) == 1
    assert len(set(row_looks.values())) == len(row_looks)
    assert {row_looks[row].dash for row in rows[1:]} & {row_looks["lapsgd"].dash} == set()


# ---- lines that coincide

UP, SAME, DOWN = ([(float(x), y * x) for x in range(5)] for y in (1.0, 1.001, -1.0))


def test_lines_that_coincide_are_found_and_the_lower_ones_are_wider() -> None:
    lines = {"LAP-SGD": UP, "BP": DOWN, "LPP-SGD": SAME, "short": UP[:3], "none": []}
    assert coincidence.coinciding(lines) == [("LAP-SGD", "LPP-SGD")]
    width = coincidence.widths(lines)
    assert width["LAP-SGD"] > width["LPP-SGD"] == width["BP"] == 1
    assert coincidence.coinciding({}) == []


def test_a_caption_says_what_coincides_over_every_axis() -> None:
    def curve(label: str, speed: float) -> Curve:
        return Curve(label, "ResNet-18", {"epoch": [1, 2], "seconds": [speed, 2 * speed]}, [50.0, 60.0], label)

    caption = "LPP lies on LAP, drawn wide below (ResNet-18)"
    assert curves.coinciding([curve("LAP", 1), curve("LPP", 1), curve("BP", 3)]) == caption
    assert curves.coinciding([curve("LAP", 1), curve("BP", 3)]) == ""


@pytest.mark.parametrize("interval", [Interval(0.0, 9.8), Interval(0.2, math.inf)])
def test_a_speedup_whose_interval_has_an_open_end_is_drawn(tmp_path: Path, interval: Interval) -> None:
    split = SpeedupSplit("Async LU", 1.0, 2.0, 2.0, 1.0, 2.0, {"speedup": interval})
    assert all(path.is_file() for path in diagnostics.splits({"GPT": [split]}, tmp_path / "splits", title="t"))


def test_an_interval_beyond_all_ticks_does_not_press_the_rest_together() -> None:
    split = SpeedupSplit("Async LU", 1.0, 2.0, 2.0, 1.0, 2.0, {"speedup": Interval(1e-6, 1e6)})
    axes = Figure().subplots()
    diagnostics._factors(axes, [split], canvas.SCREEN)
    low, high = axes.get_xlim()
    assert 0.5 < low < 1 < high < 3


def test_a_panel_of_densities_has_the_horizontal_axis_that_it_asks_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever its bins and lines cover, so that panels beside it can be compared."""
    figure = Figure()
    monkeypatch.setattr(canvas, "picture", lambda paint, *args: paint(figure, canvas.SCREEN))
    panel = densities.Density("", [0.0, 1.0, 2.0], [0.5, 0.5], [0.0, 9.0], {"formula": [0.1, 0.0]}, (-3.0, 3.0))
    densities.densities([[panel]], ["formula"], tmp_path / "stem", title="", x_label="")
    assert figure.axes[0].get_xlim() == (-3.0, 3.0)
