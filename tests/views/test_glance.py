"""Summary above a table: each row against its baseline, ours beside what was published."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables.definition import Row, Table
from benchmarks.tables.registry import table
from benchmarks.views import pictures
from benchmarks.views.journals import Journals
from benchmarks.views.table import assemble
from benchmarks.views.table_runs import TableRuns, find_runs
from results.tables import Glance, GlanceLine, GlanceValue
from tests.sure import sure
from tests.views.runs import made

Curves = Mapping[str, Sequence[Sequence[float]]]
"""By a row's key, for every seed its accuracies by epoch."""
PACE = {"async_lu": 1.0, "lapsgd": 2.0, "ddp": 1.0, "bp": 4.0}
"""Simulated seconds an epoch."""


def table_runs(
    definition: Table, curves: Curves, network: str = "resnet18", ends: Mapping[str, str] | None = None
) -> TableRuns:
    seeds = tuple(range(max(map(len, curves.values()))))
    choices = Choices(seeds=seeds, networks=(network,))
    grid = resolve(definition, choices)
    runs = [run for run in grid.runs if run.spec.seed < len(curves.get(run.labels.row, ()))]
    records = (
        made(
            run,
            "2026",
            (ends or {}).get(run.labels.row, "finished"),
            curves[run.labels.row][run.spec.seed],
            PACE[run.method.name],
        )
        for run in runs
    )
    return find_runs(grid, Journals(tuple(records)))


def glance(definition: Table, curves: Curves, **options: Any) -> Glance:
    (summary,) = assemble(table_runs(definition, curves, **options)).glances
    return summary


def line(summary: Glance, row: str) -> GlanceLine:
    return next(line for line in summary.lines if line.row == row)


def known(effect: GlanceValue | None) -> tuple[float, float, float]:
    """Low end, value and high end of an effect with an interval."""
    assert effect is not None
    assert effect.low is not None
    assert effect.high is not None
    return effect.low, effect.value, effect.high


THREE = {
    "async_lu": ([40.0, 71.0], [40.0, 73.0], [40.0, 72.0]),
    "lapsgd": ([20.0, 40.0, 61.0], [20.0, 62.0, 62.0], [20.0, 40.0, 60.0]),
    "bp": ([74.0], [76.0], [75.0]),
}


def test_rows_stand_against_the_slowest_as_published_with_what_was_published_beside() -> None:
    """Table 1 times to a target; the accuracies of its rows are in Table 2 of the paper."""
    summary = glance(table("table1"), THREE)
    assert (summary.baseline, summary.of) == ("LAPSGD, the slowest as published", "time to target")
    async_lu, lppsgd = line(summary, "async_lu"), line(summary, "lppsgd")
    low, value, high = known(async_lu.speedup)  # to 60 %: 2 s, against 6, 4 and 6
    assert value == pytest.approx((6 + 4 + 6) / 3 / 2)
    assert low < value < high
    assert async_lu.published_speedup == pytest.approx(706.3 / 223.8)
    assert async_lu.published_accuracy == pytest.approx(93.7 - 88.2)
    assert lppsgd.same
    assert lppsgd.speedup is lppsgd.accuracy is None
    assert lppsgd.published_speedup == pytest.approx(706.3 / 461.0)
    assert [glance_line.row for glance_line in summary.lines] == ["async_lu", "lppsgd", "bp"]
    assert line(summary, "bp").published_speedup is None


def test_accuracies_are_compared_seed_by_seed() -> None:
    """Differences of 10, 11 and 12 points have the interval of three numbers; unpaired runs have a wider one."""
    low, value, high = known(line(glance(table("table1"), THREE), "async_lu").accuracy)
    assert (low + high) / 2 == pytest.approx(value) == pytest.approx(11.0)
    assert high - value == pytest.approx(4.302653 * math.sqrt(1 / 3), rel=1e-5)
    fewer = {**THREE, "async_lu": ([40.0, 72.0],)}
    single_seed = line(glance(table("table1"), fewer), "async_lu")
    assert single_seed.accuracy == GlanceValue(11.0)
    assert single_seed.seeds == "1 against 3, weak"


def test_without_the_papers_rows_backpropagation_is_the_baseline() -> None:
    summary = glance(table("table1"), {row: THREE[row] for row in ("async_lu", "bp")})
    assert (summary.baseline, summary.published) == ("BP, 1 device", False)
    assert [glance_line.row for glance_line in summary.lines] == ["async_lu"]


def test_a_published_speedup_over_backpropagation_stands_as_it_is() -> None:
    summary = glance(table("table7"), {"async_lu": THREE["async_lu"], "bp": THREE["bp"]})
    async_lu = line(summary, "async_lu")
    assert (summary.baseline, summary.of) == ("BP, 1 device", "seconds per batch")
    assert async_lu.speedup == GlanceValue(4.0)
    assert async_lu.published_speedup == 1.86
    assert async_lu.published_accuracy is None


def test_a_run_that_never_arrives_makes_a_bound_and_a_diverged_one_is_counted() -> None:
    curves = {**THREE, "async_lu": ([40.0] * 12, [40.0, 73.0], [40.0, 72.0])}
    speedup = sure(line(glance(table("table1"), curves), "async_lu").speedup)
    assert speedup.bound == "at most"
    diverged = line(glance(table("table1"), THREE, ends={"async_lu": "diverged"}), "async_lu")
    assert (diverged.speedup, diverged.seeds) == (None, "3, weak, 3 diverged")


def test_a_table_of_ones_own_has_a_glance_only_with_a_baseline() -> None:
    definition = Table(
        "mine", "Mine", "", "cifar10", (Row("async_lu"), Row("ddp"), Row("bp")), ("best_accuracy_percent",)
    )
    curves = {"async_lu": ([50.0], [51.0]), "ddp": ([50.0], [52.0]), "bp": ([60.0], [60.0])}
    own_table = replace(definition, values={})
    summary = glance(own_table, curves)
    assert (summary.baseline, summary.published) == ("BP, 1 device", False)
    assert [glance_line.row for glance_line in summary.lines] == ["async_lu", "ddp"]
    without_baseline = replace(own_table, rows=own_table.rows[:2])
    assert assemble(table_runs(without_baseline, {row: curves[row] for row in ("async_lu", "ddp")})).glances == ()
    assert assemble(table_runs(own_table, {"bp": curves["bp"]})).glances == ()


def test_seeds_that_arrive_together_are_no_certainty() -> None:
    """All of Async LU after 2 epochs of 1 s, all of LAP-SGD after 3 of 2 s: 6 s over 2 s, found a whole epoch apart."""
    curves = {"async_lu": [[40.0, 71.0]] * 5, "lapsgd": [[20.0, 40.0, 61.0]] * 5}
    low, value, high = known(line(glance(table("table1"), curves), "async_lu").speedup)
    assert value == 3.0
    assert low < 4.0 / 2.0
    assert high > 6.0 / 1.0


def test_what_arrives_at_the_first_evaluation_is_as_fast_as_that_at_least() -> None:
    curves = {"async_lu": [[71.0]] * 5, "lapsgd": [[20.0, 40.0, 61.0]] * 5}
    speedup = sure(line(glance(table("table1"), curves), "async_lu").speedup)
    assert speedup.bound == "at least"
    assert speedup.value < 4.0
    assert speedup.low is None


def test_a_target_near_chance_is_none() -> None:
    """With ten classes 12 % is luck: no time to it, no headline, and the table says why."""
    result_table = assemble(
        table_runs(table("table1"), {row: [[11.0, 12.0], [12.0, 13.0]] for row in ("async_lu", "lapsgd", "bp")})
    )
    assert not result_table.glances
    assert result_table.conditions.targets == {}
    assert any("no target" in line and "chance" in line for line in result_table.captions)
    index = [measure.key for measure in result_table.measures].index("time_to_target_seconds")
    assert not any(row.cells[index].has_value for row in result_table.rows)


def test_one_row_beside_a_published_value_sets_no_target_for_the_others() -> None:
    curves = {"async_lu": [[60.0, 80.0]], "lapsgd": [[50.0, 70.0]]}
    runs = table_runs(table("table3"), curves)
    of_one_row = {key: value for key, value in runs.grid.published.items() if key[1] == "async_lu"}
    target = replace(runs, grid=replace(runs.grid, published=of_one_row)).targets["resnet18"]
    assert (sure(target).row, sure(target).value) == ("lapsgd", 70.0)


def test_a_target_is_drawn_where_the_table_asks_for_the_way_to_it_alone() -> None:
    curves = {"async_lu": [[60.0, 80.0]], "lapsgd": [[50.0, 70.0]]}
    asking, not_asking = (table_runs(table(id), curves) for id in ("table3", "audit-factors"))
    assert pictures.goals(asking) == {"ResNet-18": 70.0}
    assert pictures.goals(not_asking) == {}


def test_other_tables_lend_ones_own_no_published_accuracy() -> None:
    """Table 1 has times alone, and its rows' accuracies are lent by Table 2."""
    runs = table_runs(table("table1"), THREE)
    assert line(sure(assemble(runs).glances[0]), "async_lu").published_accuracy is not None
    own_table = replace(runs.table, values=runs.grid.published)
    (summary,) = assemble(replace(runs, grid=replace(runs.grid, table=own_table))).glances
    assert summary.published
    assert [glance_line.published_accuracy for glance_line in summary.lines] == [None] * len(summary.lines)


def test_nothing_published_is_lent_where_nothing_stands_beside_the_runs() -> None:
    """Other data than the paper's, for example; Table 5 has published values of both rows."""
    curves = {"async_lu": ([50.0, 70.0],), "bp": ([50.0, 70.0],)}
    runs = table_runs(table("table5"), curves, network="resnet50")
    assert sure(assemble(runs).glances[0]).published
    assert not sure(assemble(replace(runs, grid=replace(runs.grid, published={}))).glances[0]).published
