"""Runs evaluated several times per epoch, or every second epoch: journals, curves, exports, steps."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from results.errors import ResultsError
from results.measures import MEASURES, Context
from results.records import Evaluation, Record, folder_of, read
from results.records.identity import run_id
from results.records.journal import Journal
from results.records.spec import Labels
from results.records.usable import usable
from results.tracking.points import curve, last_step
from tests.results.samples import lines_of, rewrite, spec_of


def write(out: Path, every: float, epochs: Sequence[float], resumed_after: int | None = None) -> Path:
    """Writes a journal of four planned epochs, each of 20 batches and 2 s; accuracy is ten times the epoch."""
    spec = spec_of()
    fraction = Fraction(every).limit_denominator(100)
    spec = spec.model_copy(update={"workload": spec.workload.model_copy(update={"evaluate_every": fraction})})
    points = [
        Evaluation(
            epoch, round(20 * epoch), {"accuracy_percent": 10.0 * epoch, "loss": 1.0, "virtual_seconds": 2.0 * epoch}
        )
        for epoch in epochs
    ]
    folder, id = folder_of(out, run_id(spec)), run_id(spec)
    with Journal.create(folder, id=id, spec=spec, environment={}, labels=Labels()) as journal:
        resumed_points = [point for point in points if resumed_after is not None and point.epoch <= resumed_after]
        if resumed_after is not None:
            journal.resumed(resumed_points, epoch=resumed_after, batch=0, wall_seconds=1.0, environments=[])
        for point in points[len(resumed_points) :]:
            journal.evaluation(point.epoch, point.step, point.metrics)
        journal.end("finished", early_stopped=epochs[-1] < spec.workload.epochs, wall_seconds=9.0)
    return journal.path


def found(out: Path, every: float, epochs: Sequence[float]) -> Record:
    return usable(write(out, every, epochs))


@pytest.mark.parametrize(
    ("every", "epochs"),
    [(0.5, [0.5, 1, 1.5, 2]), (1 / 3, [1 / 3, 2 / 3, 1, 4 / 3]), (2, [2, 4]), (3, [3, 4]), (9, [4])],
)
def test_what_was_written_is_read_back(tmp_path: Path, every: float, epochs: list[float]) -> None:
    record = found(tmp_path, every, epochs)
    assert [point.epoch for point in record.evaluations] == epochs
    assert [type(point.epoch) for point in record.evaluations] == [type(epoch) for epoch in epochs]
    assert record.end is not None
    assert record.end["epochs"] == epochs[-1]


@pytest.mark.parametrize(
    ("every", "epochs", "why"),
    [
        (0.5, [0.5, 1.5], "epoch 1.5 where epoch 1 is to follow"),
        (0.5, [1], "epoch 1 where epoch 0.5 is to follow"),
        (2, [1], "epoch 1 where epoch 2 is to follow"),
        (3, [3, 6], "epoch 6 where epoch 4 is to follow"),
        (0.3, [0.3], "line 1: .*spec.workload.evaluate_every"),
    ],
)
def test_an_evaluation_that_is_missing_is_noticed(tmp_path: Path, every: float, epochs: list[float], why: str) -> None:
    with pytest.raises(ResultsError, match=why):
        read(write(tmp_path, every, epochs))


def test_the_end_counts_the_same_epochs(tmp_path: Path) -> None:
    path = write(tmp_path, 0.5, [0.5, 1, 1.5])
    lines = lines_of(path)
    rewrite(path, [*lines[:-2], lines[-1]])
    with pytest.raises(ResultsError, match=r"the end of 1.5 epochs, of which 1 are there"):
        read(path)


def test_a_resumed_one_has_the_evaluations_until_then(tmp_path: Path) -> None:
    assert read(write(tmp_path / "whole", 0.5, [0.5, 1, 1.5, 2], resumed_after=1)).resumed is not None
    with pytest.raises(ResultsError, match="resumed after epoch 3 with 6 evaluations, of which 4 are there"):
        read(write(tmp_path / "cut", 0.5, [0.5, 1, 1.5, 2], resumed_after=3))
    record = read(write(tmp_path / "late", 3, [3, 4], resumed_after=2))  # between two evaluations
    assert [point.epoch for point in record.evaluations] == [3, 4]


def test_times_are_as_fine_as_evaluations(tmp_path: Path) -> None:
    record = found(tmp_path, 0.25, [0.25, 0.5, 0.75, 1, 1.25])
    measures = [MEASURES[key] for key in ("time_to_target_seconds", "epochs_to_target")]
    values = [measure.value([record], Context(6.0))[0] for measure in measures]
    assert [(summary.mean, summary.resolution) for summary in values if summary is not None] == [
        (1.5, 0.5),
        (0.75, 0.25),
    ]
    assert MEASURES["seconds_per_epoch"].of(record) == 2.0


@pytest.mark.parametrize(
    ("every", "epochs", "steps"),
    [(1, [1, 2, 3], [1, 2, 3]), (0.5, [0.5, 1, 1.5], [1, 2, 3]), (2, [2, 4], [2, 4]), (1 / 3, [1 / 3, 2 / 3], [1, 2])],
)
def test_the_steps_of_mlflow_are_whole(tmp_path: Path, every: float, epochs: list[float], steps: list[int]) -> None:
    """Steps count epochs, or evaluations if an epoch has several."""
    record = found(tmp_path, every, epochs)
    assert [point.step for point in curve(record, 0) if point.key == "loss"] == steps
    assert last_step([record]) == steps[-1]
