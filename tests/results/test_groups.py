"""The target that tracking computes without a table is the table's: that of the rows which the paper has."""

from __future__ import annotations

from pathlib import Path

from results import published
from results.groups import FIRST_TRIAL_SEED, group, targets
from tests.results.samples import write


def test_neither_variants_nor_the_baseline_set_a_target(tmp_path: Path) -> None:
    runs = [
        write(tmp_path, [30.0, 70.5], method="async_lu"),
        write(tmp_path, [30.0, 60.5], method="lapsgd"),
        write(tmp_path, [30.0, 20.5], method="lapsgd", row="lapsgd@updaters=2", updaters=2),
        write(tmp_path, [30.0, 10.5], method="bp"),
    ]
    found = targets(group(runs), {}, published.by_dataset())
    assert set(found.values()) == {60.0}
    assert len(found) == 4


def test_without_rows_of_the_paper_all_rows_set_it(tmp_path: Path) -> None:
    runs = [write(tmp_path, [80.5], method="bp"), write(tmp_path, [70.5], method="mine")]
    assert set(targets(group(runs), {}, published.by_dataset()).values()) == {70.0}


def test_trials_of_tuning_are_no_rows_seeds(tmp_path: Path) -> None:
    runs = [write(tmp_path, [50.0], seed=seed) for seed in (0, 1, FIRST_TRIAL_SEED, FIRST_TRIAL_SEED + 1)]
    (one,) = group(runs)
    assert [record.seed for record in one.records] == [0, 1]
    assert group(runs[2:]) == []
