"""A table whose runs are judged by a loss says nats, takes less for better, and speaks of no accuracy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pytest

from benchmarks.commands.site_content import PAPERS
from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.runner.tuning.search import TuningBudget
from benchmarks.tables import registry
from benchmarks.tables.registry import table
from benchmarks.views import pictures
from benchmarks.views.journals import Journals
from benchmarks.views.table import assemble
from benchmarks.views.table_runs import TableRuns, find_runs
from benchmarks.views.tuning.order import pairs
from benchmarks.views.tuning.tuned import Search, TunedTable
from results.measures import MEASURES, best_measure, named
from results.records.spec import ACCURACY, Judge
from results.statistics.intervals import Interval
from tests.sure import sure
from tests.views.runs import made

Curves = Mapping[str, Sequence[Sequence[float]]]
CURVES: Curves = {"bp": ([3.0, 1.6], [3.0, 1.7]), "async_lu": ([3.0, 2.3], [3.0, 2.35])}


def table_runs(curves: Curves, **settings: str) -> TableRuns:
    choices = Choices(seeds=(0, 1), methods=tuple(curves), settings={"workload": settings})
    grid = resolve(table("lm"), choices)
    records = (made(run, "2026", curve=curves[run.labels.row][run.spec.seed]) for run in grid.runs)
    return find_runs(grid, Journals(tuple(records)))


def test_a_table_of_losses_says_nats_and_nothing_of_accuracies() -> None:
    equal_curves = dict.fromkeys(CURVES, CURVES["bp"])
    for shown_runs in (table_runs(CURVES), table_runs(equal_curves, evaluate_every="1/2")):
        result_table = assemble(shown_runs)
        curves = list(pictures.curves(shown_runs))
        texts = [
            *result_table.captions,
            *result_table.caveats,
            *result_table.notes,
            *(measure.heading for measure in result_table.measures),
        ]
        texts += [
            pictures.caption(shown_runs, curves, pictures.goals(shown_runs)),
            *(repr(glance) for glance in result_table.glances),
        ]
        assert not [line for line in texts if "accurac" in line.replace("accuracy=", "").replace("_accuracy", "")]
        assert (result_table.measures[0].heading, result_table.measures[0].unit) == ("Best loss (nats)", "nats")


def test_the_glance_takes_a_greater_loss_for_a_difference_above_0() -> None:
    (glance,) = assemble(table_runs(CURVES)).glances
    assert (glance.quality, glance.heading) == ("best loss", "Best loss (difference)")
    assert sure(glance.lines[0].accuracy).value == pytest.approx(0.675)


def test_a_measure_has_the_judges_name_and_unit_where_it_is_what_runs_are_judged_by() -> None:
    error = Judge(metric="loss", title="squared error", unit="", better="less")
    assert (best_measure(error).heading, best_measure(error).name) == ("Best squared error", "best squared error")
    assert named(MEASURES["test_loss"], error).heading == "Test squared error"
    for key, measure in MEASURES.items():
        assert named(measure, ACCURACY) == measure or key.startswith("at_equal"), key
    assert MEASURES["model_flops_utilisation_percent"].name == "MFU"


def test_an_interval_below_0_stays_where_it_is() -> None:
    """A loss of one's own may be less than 0; one that is not is cut off there."""
    best = MEASURES["best_loss"]
    assert best.possible(Interval(-3.0, -1.0, 0.95)) == Interval(-3.0, -1.0, 0.95)
    assert best.possible(Interval(-1.0, 3.0, 0.95)) == Interval(0.0, 3.0, 0.95)
    assert MEASURES["time_to_target_seconds"].possible(Interval(-1.0, math.inf, 0.95)).low == 0.0


@pytest.mark.parametrize("shift", [0.0, -5.0])
def test_losses_are_compared_by_their_difference_after_tuning(shift: float) -> None:
    """So that it does not matter where their 0 is: BP's are 0.7 and 0.65 less, seed by seed."""
    shown_runs = table_runs(
        {row: [[value + shift for value in curve] for curve in curves] for row, curves in CURVES.items()}
    )
    searches = [Search(cell, (), (), ()) for cell in shown_runs.grid.cells]
    tuned = TunedTable(TuningBudget(), searches, {"published": shown_runs, "best": shown_runs})
    (loss_pair,) = (pair for pair in pairs(tuned) if pair.measure.key == "best_loss")
    assert loss_pair.published.quantity.value == pytest.approx(-0.675)
    assert loss_pair.published.first_is_better is True
    assert tuned.order("best", "gpt", tuned.judged) == "BP, 1 device before Async LU"


def test_every_table_of_the_suite_has_its_place_in_a_report() -> None:
    """The rest of a report's tables are the user's own."""
    assert {id for members in PAPERS.values() for id in members} >= set(registry.IDS)
