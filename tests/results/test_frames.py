"""Records as frames: their columns, and that no measured value is lost."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas
import pytest

from results.frames import EVALUATIONS, RUNS, STALENESS, commit, evaluations, measures, runs, staleness
from results.records.spec import METRICS
from tests.results.samples import write

MEASURE_KEYS = [measure.key for measure in measures()]


def test_no_records_give_empty_frames_with_all_columns() -> None:
    assert list(runs([]).columns) == [*RUNS, *MEASURE_KEYS, *(f"final_{name}" for name in METRICS)]
    assert list(evaluations([]).columns) == [*EVALUATIONS, *METRICS]
    assert list(staleness([]).columns) == list(STALENESS)
    for frame, columns in ((runs([]), RUNS), (evaluations([]), EVALUATIONS), (staleness([]), STALENESS)):
        assert len(frame) == 0
        assert {name: str(frame[name].dtype) for name in columns} == dict(columns)


def test_a_run_is_one_row(tmp_path: Path) -> None:
    record = write(tmp_path, [10.0, 30.0, 20.0], backward_workers=2)
    (row,) = runs([record]).to_dict("records")
    assert (row["id"], row["family"], row["network"], row["row"]) == (record.id, "cifar100", "resnet18", "async_lu")
    assert (row["seed"], row["scale"], row["hardware"], row["status"]) == (0, "smoke", "paper-a", "finished")
    assert (row["best_accuracy_percent"], row["time_to_best_seconds"], row["epochs_to_best"]) == (30.0, 4.0, 2.0)
    assert (row["epochs"], row["steps"], row["train_time_seconds"], row["seconds_per_epoch"]) == (3, 60, 6.0, 2.0)
    assert (row["clock"], row["run_wall_seconds"], row["commit"]) == ("virtual_seconds", 12.0, "0f" * 20)
    assert row["final_accuracy_percent"] == 20.0
    assert json.loads(row["options"]) == {"backward_workers": 2}
    assert json.loads(row["spec"]) == record.spec.document()


@pytest.mark.parametrize(
    ("modified", "said"),
    [(False, "0f"), (True, "0f, modified"), (None, "0f, perhaps modified"), ("no", "0f, perhaps modified")],
)
def test_files_that_nobody_looked_at_are_not_said_to_be_unmodified(tmp_path: Path, modified: Any, said: str) -> None:
    record = write(tmp_path, [10.0])
    record = replace(record, environment={"commit": "0f", "modified": modified})
    assert commit(record) == said
    (value,) = runs([record])["modified"]
    assert value is pandas.NA if said.endswith("perhaps modified") else value == modified


def test_every_evaluation_and_layer_is_one_row(tmp_path: Path) -> None:
    record = write(tmp_path, [10.0, 30.0])
    points, layers = evaluations([record]), staleness([record])
    assert list(points["epoch"]) == [1, 2]
    assert list(points["accuracy_percent"]) == [10.0, 30.0]
    assert list(layers["layer"]) == ["stem"]
    assert layers["updates"][0] == 2.0


def test_a_run_without_evaluation_or_end_has_no_numbers(tmp_path: Path) -> None:
    record = write(tmp_path, [], status=None)
    (row,) = runs([record]).to_dict("records")
    assert (row["status"], row["epochs"], row["reason"]) == ("interrupted", 0, "")
    assert math.isnan(row["best_accuracy_percent"])
    assert math.isnan(row["seconds_per_epoch"])
    assert len(evaluations([record])) == len(staleness([record])) == 0
