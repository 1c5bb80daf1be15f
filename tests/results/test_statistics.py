from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from results.errors import ResultsError
from results.records import Record
from results.records.spec import Judge, Labels
from results.statistics import (
    Best,
    Reach,
    Summary,
    Target,
    best,
    reach,
    summary,
    worst_best,
)
from results.statistics.chance import Chance
from tests.results.samples import write


def seeds(out: Path, row: str, *tops: float, status: str = "finished") -> list[Record]:
    return [write(out, [top / 2, top], method=row, seed=seed, status=status) for seed, top in enumerate(tops)]


def test_a_target_is_reached_at_the_first_evaluation_at_or_above_it(tmp_path: Path) -> None:
    record = write(tmp_path, [10.0, 60.0, 59.0, 70.0])
    assert reach(record, 60.0) == Reach(seconds=4.0, epochs=2)
    assert reach(record, 60.1) == Reach(seconds=8.0, epochs=4)
    assert reach(record, 70.1) is None


def test_rounding_does_not_miss_a_target(tmp_path: Path) -> None:
    record = write(tmp_path, [87.0 - 1e-13])
    assert worst_best({"bp": [record]}).value == 87.0
    assert reach(record, 87.0) is not None


def test_the_best_accuracy_is_its_first_time(tmp_path: Path) -> None:
    assert best(write(tmp_path, [10.0, 61.0, math.nan, 61.0])) == Best(61.0, seconds=4.0, epochs=2)
    assert best(write(tmp_path, [math.nan], status="diverged")) is None
    assert best(write(tmp_path, [], seed=3)) is None


def test_the_papers_rule_floor_of_the_worst_methods_worst_seed(tmp_path: Path) -> None:
    # 61.0 +- 0.17 as in Table 4: the mean alone would give 61, which one seed misses.
    runs = {
        "async_lu": seeds(tmp_path, "async_lu", 73.5, 73.9, 74.3),
        "lapsgd": seeds(tmp_path, "lapsgd", 61.1, 61.3, 61.5),
        "lppsgd": seeds(tmp_path, "lppsgd", 60.83, 61.0, 61.17),
    }
    assert worst_best(runs) == Target(60.0, "lppsgd")
    assert worst_best(runs).value == 60.0
    assert all(reach(run, 60.0) for row in runs.values() for run in row)


def test_the_worst_row_is_worst_on_average(tmp_path: Path) -> None:
    runs = {"ddp": seeds(tmp_path, "ddp", 50.0, 90.0), "bp": seeds(tmp_path, "bp", 60.0, 60.5)}
    assert worst_best(runs) == Target(60.0, "bp")


def test_what_diverged_does_not_lower_the_target_and_is_named(tmp_path: Path) -> None:
    runs = {
        "ddp": seeds(tmp_path, "ddp", 3.0, 4.0, status="diverged"),
        "bp": [*seeds(tmp_path, "bp", 62.4), write(tmp_path, [2.0], method="bp", seed=9, status="diverged")],
        "async_lu": seeds(tmp_path, "async_lu", 70.0),
    }
    assert worst_best(runs) == Target(62.0, "bp", left_out=("ddp",))
    with pytest.raises(ResultsError, match="no target"):
        worst_best({"ddp": runs["ddp"]})


def test_summaries_by_hand() -> None:
    assert summary([1.0, 2.0, 3.0]) == Summary(mean=2.0, std=1.0, n=3)
    assert summary([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]) == Summary(5.0, math.sqrt(32 / 7), 8)
    assert summary([5.0]) == Summary(5.0, None, 1)
    assert summary([]) == Summary(None, None, 0)


def test_a_censored_run_is_never_dropped() -> None:
    assert summary([1.0, None, 3.0]) == Summary(None, None, 3, censored=1)
    assert summary([1.0, None, 3.0], [9.0, 8.0, 9.0]) == Summary(
        None, None, 3, censored=1, at_least=4.0, at_least_std=math.sqrt(13)
    )
    assert summary([1.0, None], [9.0, None]) == Summary(None, None, 2, censored=1)
    assert summary([math.nan, 1.0]) == Summary(None, None, 2, censored=1)


LESS = Judge(metric="accuracy_percent", title="loss", unit="nats", better="less", digits=2, chance=4.0)


def judged_by_less(record: Record) -> Record:
    return replace(record, labels=record.labels.model_copy(update={"judge": LESS}))


def test_where_less_is_better_all_is_the_other_way_round(tmp_path: Path) -> None:
    runs = {row: [judged_by_less(run) for run in seeds(tmp_path, row, *tops)] for row, tops in LOSSES.items()}
    record = judged_by_less(write(tmp_path, [3.0, 1.874, 1.9, 1.874], seed=9))
    assert best(record) == Best(1.874, seconds=4.0, epochs=2)
    assert reach(record, 1.88) == Reach(seconds=4.0, epochs=2)
    assert reach(record, 1.87) is None
    assert worst_best(runs) == Target(1.19, "bp", LESS)  # the worst seed's 1.1815, rounded towards the worse


LOSSES = {"bp": (2.2, 2.363), "ddp": (1.8, 2.0)}
"""Final loss of each seed; before it was half as large."""


def test_a_loss_near_that_of_guessing_is_no_target(tmp_path: Path) -> None:
    guessing = Chance.of(Labels(judge=LESS))
    assert guessing is not None
    assert (guessing.near([3.85], 1), guessing.near([3.7], 1)) == (True, False)
