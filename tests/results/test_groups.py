"""Targets computed without a table equal the table's: only the paper's rows set them."""

from __future__ import annotations

from pathlib import Path

from results import published
from results.groups import FIRST_TRIAL_SEED, group, targets, values_of
from results.measures import Context
from results.statistics.chance import Chance
from tests.results.samples import write


def test_neither_variants_nor_the_baseline_set_a_target(tmp_path: Path) -> None:
    runs = [
        write(tmp_path, [30.0, 70.5], method="async_lu"),
        write(tmp_path, [30.0, 60.5], method="lapsgd"),
        write(tmp_path, [30.0, 20.5], method="lapsgd", row="lapsgd@updaters=2", updaters=2),
        write(tmp_path, [30.0, 10.5], method="bp"),
    ]
    target_percents = targets(group(runs), {}, published.by_dataset())
    assert set(target_percents.values()) == {60.0}
    assert len(target_percents) == 4


def test_without_rows_of_the_paper_all_rows_set_it(tmp_path: Path) -> None:
    runs = [write(tmp_path, [80.5], method="bp"), write(tmp_path, [70.5], method="mine")]
    assert set(targets(group(runs), {}, published.by_dataset()).values()) == {70.0}


def test_a_target_that_needs_no_learning_is_none(tmp_path: Path) -> None:
    """With 100 classes 7.5 % of 500 images may be luck; with 1,000 classes and 10,000 images it is not."""
    runs = [write(tmp_path, [30.0], method="async_lu"), write(tmp_path, [2.0, 7.5], method="lapsgd")]
    groups = group(runs)
    assert set(targets(groups, {}, published.by_dataset()).values()) == {7.0}
    assert targets(groups, {}, published.by_dataset(), lambda run: Chance(100, 500)) == {}
    assert set(targets(groups, {}, published.by_dataset(), lambda run: Chance(1000, 10_000)).values()) == {7.0}


def test_a_parent_whose_runs_learnt_nothing_has_no_time_to_its_best(tmp_path: Path) -> None:
    (seed_group,) = group([write(tmp_path, [2.0, 7.5], seed=seed) for seed in (0, 1)])
    luck, learnt = (values_of(seed_group, Context(chance=Chance(100, samples)), {}) for samples in (500, 10_000))
    assert "time_to_best_seconds" not in luck
    assert learnt["time_to_best_seconds"].mean == 4.0
    assert luck["best_accuracy_percent"].mean == 7.5


def test_trials_of_tuning_are_no_rows_seeds(tmp_path: Path) -> None:
    runs = [write(tmp_path, [50.0], seed=seed) for seed in (0, 1, FIRST_TRIAL_SEED, FIRST_TRIAL_SEED + 1)]
    (seed_group,) = group(runs)
    assert [record.seed for record in seed_group.records] == [0, 1]
    assert group(runs[2:]) == []
