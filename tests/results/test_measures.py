"""Measures of runs that diverged or were cut short."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from results.measures import MEASURES, Context
from results.records import Record
from results.statistics import Summary
from results.statistics.chance import Chance
from tests.results.samples import write


@pytest.fixture
def runs(tmp_path: Path) -> list[Record]:
    """Two complete runs of 6 s, and one that diverged after 2 s."""
    complete = [write(tmp_path, [30.0, 60.0, 70.0 + seed], seed=seed) for seed in range(2)]
    return [*complete, write(tmp_path, [65.0], seed=2, status="diverged")]


@pytest.mark.parametrize(
    ("key", "at_least"),
    [
        ("train_time_seconds", 14 / 3),
        ("time_to_best_seconds", 14 / 3),
        ("epochs_to_best", 7 / 3),
        ("time_to_target_seconds", 10 / 3),
        ("epochs_to_target", 5 / 3),
    ],
)
def test_the_seconds_of_a_diverged_run_are_a_lower_bound(runs: list[Record], key: str, at_least: float) -> None:
    value, _ = MEASURES[key].value(runs, Context(60.0))
    assert value is not None
    assert (value.mean, value.n, value.censored) == (None, 3, 1)
    assert value.at_least == pytest.approx(at_least)


def test_what_is_per_epoch_or_the_best_so_far_stays(runs: list[Record]) -> None:
    assert MEASURES["seconds_per_epoch"].value(runs, Context())[0] == Summary(2.0, 0.0, 3)
    assert MEASURES["relative_speedup"].value(runs, Context(baseline=runs))[0] == Summary(1.0, 0.0, 3)
    assert MEASURES["best_accuracy_percent"].of(runs[2]) == 65.0


def test_runs_that_learnt_nothing_have_no_time_to_best(tmp_path: Path) -> None:
    """An accuracy of 3 % with 100 classes is luck, and its time no speed. All such rows share one footnote."""
    lucky = [write(tmp_path, [2.0, 3.5], seed=seed) for seed in (0, 1)]
    context = Context(chance=Chance(100, 500))
    reasons = {MEASURES[key].value(lucky, context) for key in ("time_to_best_seconds", "epochs_to_best")}
    assert len(reasons) == 1
    ((value, reason),) = reasons
    assert value is None
    assert reason
    assert MEASURES["best_accuracy_percent"].value(lucky, context) == (Summary(3.5, 0.0, 2), "")
    learnt = write(tmp_path, [20.0, 30.0], seed=2)
    summary, why = MEASURES["time_to_best_seconds"].value([*lucky, learnt], context)
    assert summary is not None
    assert (summary.mean, summary.censored) == (None, 2)
    assert why
    assert MEASURES["time_to_best_seconds"].value([learnt], context) == (Summary(4.0, None, 1, resolution=2.0), "")


def test_a_run_that_was_cut_short_has_no_training_time(tmp_path: Path) -> None:
    cut = write(tmp_path, [30.0, 60.0], status=None)
    assert MEASURES["train_time_seconds"].of(cut) is None
    assert MEASURES["time_to_best_seconds"].of(cut) is None
    assert MEASURES["time_to_target_seconds"].of(cut, Context(60.0)) == 4.0


def test_lost_updates_and_torn_reads_are_shares_over_all_layers(tmp_path: Path) -> None:
    """Runs of earlier versions, and those whose reads were not watched, counted none and have no value."""
    run = write(tmp_path, [1.0])
    assert (run.end or {})["staleness"]
    layers = [
        {"layer": "stem", "reads": 30, "lost_updates": 1.5, "weight_reads": 0, "torn_reads": 0},
        {"layer": "head", "reads": 10, "lost_updates": 0.5, "weight_reads": 0, "torn_reads": 0},
    ]
    counted = replace(run, end={**(run.end or {}), "staleness": layers})
    assert [MEASURES[key].of(run) for key in ("lost_updates_percent", "torn_reads_percent")] == [None, None]
    assert [MEASURES[key].of(counted) for key in ("lost_updates_percent", "torn_reads_percent")] == [5.0, None]
    layers[0] |= {"weight_reads": 40, "torn_reads": 1}
    assert MEASURES["torn_reads_percent"].of(counted) == 2.5


def test_dropped_gradients_are_a_share_of_those_computed(tmp_path: Path) -> None:
    run = write(tmp_path, [1.0])
    measure = MEASURES["dropped_percent"]
    assert measure.of(replace(run, end={})) is None
    assert measure.of(replace(run, end={"effects": {"gradients": 40, "dropped": 5}})) == 12.5


@pytest.mark.parametrize(
    ("key", "value", "resolution"),
    [
        ("time_to_target_seconds", 4.0, 2.0),
        ("epochs_to_target", 2.0, 1.0),
        ("time_to_best_seconds", 6.0, 2.0),
        ("epochs_to_best", 3.0, 1.0),
        ("train_time_seconds", 6.0, None),
        ("best_accuracy_percent", 70.5, None),
    ],
)
def test_times_are_resolved_by_evaluations(
    runs: list[Record], key: str, value: float, resolution: float | None
) -> None:
    summary, _ = MEASURES[key].value(runs[:2], Context(60.0))
    assert summary is not None
    assert (summary.mean, summary.resolution) == (value, resolution)


def test_a_bound_may_be_too_high_by_what_its_values_may_be(runs: list[Record]) -> None:
    """Two of three runs have values, each too high by at most 2 s; of the third only a limit is known."""
    summary, _ = MEASURES["time_to_target_seconds"].value(runs, Context(60.0))
    assert summary is not None
    assert summary.resolution == pytest.approx(4 / 3)
