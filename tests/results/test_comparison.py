"""Comparisons of two sets of runs: which are paired, what counts as a change, what is said of the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from results.comparison import ComparedCell, compare_runs, compare_values
from results.comparison.changes import CHANGED, NOISE, SAME, UNDECIDED, Change
from results.records import Record
from results.records.spec import Judge
from results.reproductions import Value
from tests.results.samples import write


def runs(out: Path, accuracies: Sequence[float], *, first_seed: int = 0, **options: Any) -> list[Record]:
    """Makes a run of two epochs per best accuracy."""
    return [write(out, [1.0, best], seed=seed, **options) for seed, best in enumerate(accuracies, start=first_seed)]


def other_sources(records: Sequence[Record]) -> list[Record]:
    return [replace(record, spec=record.spec.model_copy(update={"sources": "ef" * 32})) for record in records]


def value(measure: str, mean: float | None, std: float | None, n: int, **fields: Any) -> Value:
    defaults = {"censored": 0, "at_least": None, "published": None, "scale": "smoke", "executor": "virtual"}
    return Value("table1", "resnet18", "bp", measure, mean, std, n, **{**defaults, "hardware": "paper-a", **fields})


def only(cells: Sequence[ComparedCell], measure: str = "best_accuracy_percent") -> Change:
    (cell,) = cells
    return next(change for change in cell.changes if change.measure == measure)


def test_the_same_runs_are_the_same_to_the_bit(tmp_path: Path) -> None:
    a = runs(tmp_path / "a", [60.0, 61.0, 62.0])
    comparison = compare_runs(a, other_sources(a))
    (cell,) = comparison.cells
    assert cell.unchanged
    assert (cell.common, cell.identical) == (3, 3)
    assert [str(difference) for difference in cell.context] == ["sources cdcdcdcd → efefefef"]
    assert not comparison.alone
    assert comparison.tested == 0


def test_equal_accuracies_with_other_losses_are_not_called_unchanged(tmp_path: Path) -> None:
    a = runs(tmp_path / "a", [60.0, 61.0])
    points = [replace(point, metrics={**point.metrics, "loss": 9.0}) for point in a[0].evaluations]
    (cell,) = compare_runs(a, [replace(a[0], evaluations=points), a[1]]).cells
    assert (cell.common, cell.identical, cell.unchanged) == (2, 1, False)
    assert all(change.verdict == SAME for change in cell.changes)


def test_runs_that_are_judged_by_a_loss_are_compared_by_it(tmp_path: Path) -> None:
    judge = Judge(metric="loss", title="loss", unit="", better="less", digits=2)
    a = [replace(run, labels=run.labels.model_copy(update={"judge": judge})) for run in runs(tmp_path, [50.0, 60.0])]
    (cell,) = compare_runs(a, a).cells
    assert [change.measure for change in cell.changes] == ["best_loss", "seconds_per_epoch", "time_to_best_seconds"]
    assert only([cell], "best_loss").verdict == SAME


def test_equal_seeds_are_paired(tmp_path: Path) -> None:
    """Differences 1.9, 2.0, 2.1: mean 2, s = 0.1, t(0.975; 2) = 4.3027, so 2 ± 4.3027 x 0.1 / sqrt(3)."""
    a, b = runs(tmp_path / "a", [50.0, 60.0, 70.0]), runs(tmp_path / "b", [51.9, 62.0, 72.1])
    change = only(compare_runs(a, b).cells)
    assert (change.verdict, change.pairs) == (CHANGED, 3)
    assert change.difference == pytest.approx(2.0)
    assert change.low == pytest.approx(1.75158, abs=1e-5)
    assert change.high == pytest.approx(2.24842, abs=1e-5)
    assert change.ratio == pytest.approx(62 / 60)
    assert change.p is not None
    assert change.p > 0.1  # unpaired, the spread over seeds hides it
    assert "weak" in change.why


def test_a_difference_within_the_spread_is_noise(tmp_path: Path) -> None:
    change = only(
        compare_runs(runs(tmp_path / "a", [50.0, 60.0, 70.0]), runs(tmp_path / "b", [55.0, 58.0, 69.0])).cells
    )
    assert change.verdict == NOISE
    assert change.low is not None
    assert change.low < 0


def test_other_seeds_get_welchs_interval(tmp_path: Path) -> None:
    """Variances 1 and 4 of n = 3: error sqrt(5/3), (5/3)^2 / ((1/3)^2 / 2 + (4/3)^2 / 2) = 2.94 degrees of freedom."""
    a, b = runs(tmp_path / "a", [9.0, 10.0, 11.0]), runs(tmp_path / "b", [18.0, 20.0, 22.0], first_seed=5)
    change = only(compare_runs(a, b).cells)
    assert (change.verdict, change.pairs, change.difference) == (CHANGED, 0, 10.0)
    assert change.high is not None
    assert change.high - 10 == pytest.approx(3.2185 * math.sqrt(5 / 3), rel=1e-3)


def test_one_seed_decides_nothing_but_simulated_seconds(tmp_path: Path) -> None:
    a, b = runs(tmp_path / "a", [60.0]), runs(tmp_path / "b", [70.0])
    slow_points = [
        replace(point, metrics={**point.metrics, "virtual_seconds": 2 * point.metrics["virtual_seconds"]})
        for point in b[0].evaluations
    ]
    cells = compare_runs(a, [replace(b[0], evaluations=slow_points)]).cells
    assert only(cells).verdict == UNDECIDED
    assert only(cells, "seconds_per_epoch").verdict == CHANGED
    assert only(cells, "time_to_best_seconds").verdict == UNDECIDED


def test_means_of_equal_seconds_over_other_numbers_of_seeds_are_the_same(tmp_path: Path) -> None:
    """Over five seeds the mean of this number is rounded, over two it is not."""

    def paced(out: Path, seeds: int, first_seed: int) -> list[Record]:
        records = runs(out, [60.0] * seeds, first_seed=first_seed)
        epoch_seconds = 2.1399015811997795
        return [
            replace(
                record,
                evaluations=[
                    replace(point, metrics={**point.metrics, "virtual_seconds": point.epoch * epoch_seconds})
                    for point in record.evaluations
                ],
            )
            for record in records
        ]

    cells = compare_runs(paced(tmp_path / "a", 5, 0), paced(tmp_path / "b", 2, 5)).cells
    assert only(cells, "seconds_per_epoch").verdict == SAME


def test_a_run_without_a_value_is_not_dropped(tmp_path: Path) -> None:
    a = runs(tmp_path / "a", [60.0, 61.0])
    b = [a[0], write(tmp_path / "b", [math.nan], seed=1, status="diverged")]
    comparison = compare_runs(a, b)
    assert only(comparison.cells).verdict == UNDECIDED
    assert only(comparison.cells).why == "B: 1 of 2 runs without a value"
    assert comparison.cells[0].incidents == "B: 1 diverged"


def test_the_nearest_settings_stand_side_by_side(tmp_path: Path) -> None:
    a = [*runs(tmp_path / "a", [60.0], updaters=1), *runs(tmp_path / "a", [62.0], updaters=2)]
    b = runs(tmp_path / "b", [62.0], updaters=2)
    comparison = compare_runs(a, b)
    (cell,) = comparison.cells
    assert not cell.settings
    (unpaired,) = comparison.alone
    assert (unpaired.side, unpaired.runs) == ("A", 1)
    assert "updaters 1 → 2" in unpaired.why


def test_rows_that_only_one_side_has_are_named_with_the_reason(tmp_path: Path) -> None:
    a = [*runs(tmp_path / "a", [60.0]), *runs(tmp_path / "a", [60.0], method="bp")]
    b = [*runs(tmp_path / "b", [60.0]), *runs(tmp_path / "b", [60.0], network="lstm")]
    b.append(write(tmp_path / "b", [], status=None, method="ddp"))
    reasons = {(unpaired.side, unpaired.network, unpaired.row): unpaired.why for unpaired in compare_runs(a, b).alone}
    assert reasons["A", "resnet18", "bp"] == "the other has no runs of this row"
    assert reasons["B", "lstm", "async_lu"] == "the other has no runs of this network and family"
    assert reasons["B", "resnet18", "ddp"] == "no run of it finished (interrupted)"


def test_values_of_tables_are_compared_by_their_summaries() -> None:
    a = [value("best_accuracy_percent", 10.0, 1.0, 3), value("seconds_per_epoch", 1.0, None, 1)]
    b = [value("best_accuracy_percent", 20.0, 2.0, 3), value("seconds_per_epoch", 2.0, None, 1)]
    comparison = compare_values(a, b)
    assert only(comparison.cells).verdict == CHANGED
    assert only(comparison.cells, "seconds_per_epoch").verdict == UNDECIDED
    assert all(change.verdict == SAME for change in compare_values(a, a).cells[0].changes)


# ---- data


def on_data(records: Sequence[Record], dataset: str, fingerprint: str) -> list[Record]:
    data = {"dataset": dataset, "dataset_sha256": fingerprint}
    return [
        replace(record, spec=record.spec.model_copy(update={"workload": record.spec.workload.model_copy(update=data)}))
        for record in records
    ]


@pytest.mark.parametrize(("dataset", "fingerprint"), [("leaves", "ab" * 32), ("digit-pairs", "ab" * 32)])
def test_other_data_are_never_laid_beside_each_other(tmp_path: Path, dataset: str, fingerprint: str) -> None:
    """Data may differ in name, or in content under the same name."""
    a = runs(tmp_path / "a", [60.0, 61.0])
    comparison = compare_runs(on_data(a, dataset, fingerprint), a)
    assert not comparison.cells
    assert [(unpaired.side, unpaired.data) for unpaired in comparison.alone] == [
        ("A", (f"{dataset} (abababab)", "digit-pairs (efefefef)")),
        ("B", ("digit-pairs (efefefef)", f"{dataset} (abababab)")),
    ]


def test_values_of_other_data_are_never_laid_beside_each_other() -> None:
    """Only if both sides state their data; older files do not."""
    with_ab, with_cd, without = (
        value("best_accuracy_percent", 60.0, 1.0, 3, data=data) for data in ("ab12", "cd34", "")
    )
    comparison = compare_values([with_ab], [with_cd])
    assert (comparison.cells, [unpaired.side for unpaired in comparison.alone]) == ((), ["A", "B"])
    assert "ab12" in comparison.alone[0].why
    assert len(compare_values([with_ab], [with_ab]).cells) == len(compare_values([with_ab], [without]).cells) == 1


def test_times_an_evaluation_apart_are_no_change() -> None:
    """If all runs of A are found at one evaluation and all of B at the next, they may have been equally quick."""
    a, b, later = (value("time_to_best_seconds", seconds, 0.0, 5, resolution=2.0) for seconds in (10.0, 12.0, 20.0))
    assert only(compare_values([a], [b]).cells, "time_to_best_seconds").verdict == NOISE
    change = only(compare_values([a], [later]).cells, "time_to_best_seconds")
    assert change.verdict == CHANGED
    assert change.low is not None
    assert change.low < 8.0


def test_what_was_sent_is_compared_where_both_sides_counted_it(tmp_path: Path) -> None:
    def sending(run: Record, size: float) -> Record:
        points = [replace(point, metrics={**point.metrics, "sent_bytes": size}) for point in run.evaluations]
        return replace(run, evaluations=points)

    a = runs(tmp_path, [60.0, 61.0])
    once, twice = ([sending(run, size) for run in a] for size in (1e6, 2e6))
    (cell,) = compare_runs(once, twice).cells
    assert (only([cell], "sent_megabytes").verdict, only([cell], "sent_megabytes").ratio) == (CHANGED, 2)
    (cell,) = compare_runs(a, twice).cells
    assert "sent_megabytes" not in [change.measure for change in cell.changes]
