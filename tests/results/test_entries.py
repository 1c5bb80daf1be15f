"""Tracked entries: times of day after the clock was changed, order of metrics, published values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from results.published import Published
from results.records.spec import ACCURACY, Judge
from results.tracking.entries import entries
from tests.results.samples import write


@pytest.mark.parametrize(("status", "seconds"), [("finished", 12.0), ("interrupted", 8.0), (None, 8.0)])
def test_a_clock_that_was_set_back_gives_no_negative_duration(
    tmp_path: Path, status: str | None, seconds: float
) -> None:
    """The time of day at the end lies before the start; the duration that the run measured is right."""
    record = write(tmp_path, [10.0, 20.0], status=status)
    if status == "interrupted" and record.end is not None:
        record = replace(record, end={name: value for name, value in record.end.items() if name != "wall_seconds"})
    later = replace(record, started="2099-01-01T00:00:00.000+00:00")
    assert {entry.end_ms - entry.start_ms for entry in entries([later], {}, {})} == {round(1000 * seconds)}


@pytest.mark.parametrize(
    ("judge", "last"),
    [
        (ACCURACY, ["best_accuracy_percent", "accuracy_percent"]),
        (Judge(metric="loss", title="loss", unit="nats", better="less"), ["best_loss", "loss"]),
    ],
)
def test_the_judges_metric_is_written_last(tmp_path: Path, judge: Judge, last: list[str]) -> None:
    """MLflow's compare page opens on the metric written last, which must be the judge's."""
    tracked_entries = entries([write(tmp_path, [3.0, 2.0], seed=seed, judge=judge) for seed in (0, 1)], {}, {})
    (parent,) = (entry for entry in tracked_entries if entry.key.startswith("ours:"))
    assert [point.key for point in parent.points()][-2:] == last


def test_nothing_published_stands_beside_other_data(tmp_path: Path) -> None:
    """There are neither published values nor published rows, and no target from the paper's rows."""
    record = write(tmp_path, [10.0, 20.0])
    values = {("resnet18", "async_lu", "best_accuracy_percent"): Published(61.0, 0.1, 3, "their Table 1")}
    beside, apart = (
        entries([record], {"cifar100": values}, {}, apart=fingerprints) for fingerprints in ((), ("ef" * 32,))
    )
    assert [tracked.key.partition(":")[0] for tracked in beside] == ["ours", "run", "paper"]
    assert [tracked.key.partition(":")[0] for tracked in apart] == ["ours", "run"]
    assert "61" in beside[0].tags["mlflow.note.content"]
    assert "61" not in apart[0].tags["mlflow.note.content"]
