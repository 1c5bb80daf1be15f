"""A table whose rows are held against each other at equal samples, seconds and bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from benchmarks.views import pictures
from benchmarks.views.journals import Journals
from benchmarks.views.table import assemble
from benchmarks.views.table_runs import TableRuns, find_runs
from results.records import Record
from tests.views.runs import made

SENT = {"bp": 0.0, "asgd": 4e6, "rennala": 2e6}  # bytes an epoch
PACE = {"bp": 8.0, "asgd": 1.0, "rennala": 2.0}


def sending(record: Record, since: int) -> Record:
    size = SENT[record.spec.method.name]
    points = [
        replace(point, metrics={**point.metrics, "sent_bytes": size * (point.epoch - since)})
        for point in record.evaluations
    ]
    return replace(record, evaluations=points)


def shown(since: int = 0) -> TableRuns:
    """Two epochs of BP, ASGD and both rows of Rennala SGD. since: the epoch after which they send."""
    grid = resolve(table("delay"), Choices(seeds=(0,), methods=tuple(SENT)))
    runs = [run for run in grid.runs if "delay" not in run.labels.row]
    curves = {"bp": (3.0, 2.0), "asgd": (2.9, 2.8), "rennala": (2.8, 2.5)}
    records = (made(run, "2026", curve=curves[run.spec.method.name], pace=PACE[run.spec.method.name]) for run in runs)
    return find_runs(grid, Journals(tuple(sending(record, since) for record in records)))


def test_a_row_has_what_it_had_reached_when_the_least_was_used_up() -> None:
    result_table = assemble(shown())
    (column,) = [i for i, measure in enumerate(result_table.measures) if measure.key == "at_equal_bytes"]
    assert (result_table.measures[column].heading, result_table.measures[column].better) == (
        "Loss at equal bytes (nats)",
        "less",
    )
    values = {row.row: row.cells[column].measured for row in result_table.rows if row.cells[column].measured}
    assert {row: value.mean for row, value in values.items() if value is not None} == {
        "bp": 2.0,
        "asgd": 2.9,
        "rennala@gradients=2": 2.5,
        "rennala@gradients=8": 2.5,
    }
    assert any("bytes 4 MB (all of Rennala SGD, gradients 2)" in line for line in result_table.captions)
    assert [line for line in result_table.caveats if "sends nothing" in line and "BP" in line and "ASGD" not in line]


def test_the_picture_has_an_axis_of_each_and_none_of_bytes_for_what_sends_none(tmp_path: Path) -> None:
    curves = {curve.label: curve for curve in pictures.curves(shown())}
    assert set(curves["ASGD"].xs) == {"samples", "simulated seconds", "megabytes sent"}
    assert curves["ASGD"].xs["megabytes sent"] == [4.0, 8.0]
    assert set(curves["BP, 1 device"].xs) == {"samples", "simulated seconds"}
    files, caption = pictures.draw(shown(), assemble(shown()), tmp_path)
    assert len(files) == 3
    assert "simulated seconds and over megabytes sent" in caption
    assert "without megabytes sent: BP, 1 device" in caption


def test_a_row_that_sends_nothing_at_first_is_drawn_over_megabytes_as_well() -> None:
    curves = {curve.label: curve for curve in pictures.curves(shown(since=1))}
    assert curves["ASGD"].xs["megabytes sent"] == [0.0, 4.0]
    assert set(curves["BP, 1 device"].xs) == {"samples", "simulated seconds"}
