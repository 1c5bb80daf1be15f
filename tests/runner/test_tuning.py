"""Trials of tuning and the best of them; no run both chooses a rate and is shown for it."""

from __future__ import annotations

import math
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.errors import UserError
from benchmarks.runner import seeds
from benchmarks.runner.choices import Choices
from benchmarks.runner.grid import GridRow
from benchmarks.runner.resolve import resolve
from benchmarks.runner.tuning import samplers
from benchmarks.runner.tuning.search import PUBLISHED, Factors, Trial, TuningBudget, around, best, best_by_test, edges
from benchmarks.runner.tuning.trials import (
    DECAY_OF_NONE,
    at,
    next_factors,
    settled,
    tuned,
    tuning_seeds,
    validation_samples,
    with_validation,
)
from benchmarks.tables.definition import Table
from benchmarks.tables.registry import table
from benchmarks.workloads.workload import workload
from results.groups import FIRST_TRIAL_SEED

TABLE: Table = table("table1")
SMOKE = Choices(seeds=(0, 1))


def tried(*accuracies: float | None, span: float = 16.0) -> list[Trial]:
    """Makes a trial per rate of a grid, from the lowest."""
    budget = TuningBudget(grid=len(accuracies), span=span, trials=len(accuracies))
    return [Trial(Factors(rate), accuracy) for rate, accuracy in zip(budget.rates, accuracies, strict=True)]


# ---- what is tried


def test_the_grid_is_even_in_logarithms_around_the_published_rate() -> None:
    assert TuningBudget().rates == (0.25, 0.5, 1.0, 2.0, 4.0)
    assert TuningBudget(grid=7, span=64.0, trials=7).rates == (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
    three = TuningBudget(grid=3, span=100.0, trials=3).rates
    assert three == pytest.approx((0.1, 1.0, 10.0))
    assert three[1] == 1.0


def test_rates_come_first_then_weight_decays_at_the_best_of_them() -> None:
    budget = TuningBudget(grid=3, trials=5)
    rates = next_factors([], budget)
    assert rates == (Factors(0.25), Factors(1.0), Factors(4.0))
    done = [Trial(rate, accuracy) for rate, accuracy in zip(rates, (80.0, 70.0, None), strict=True)]
    decays = next_factors(done, budget)
    assert decays == (Factors(0.25, 0.25), Factors(0.25, 4.0))
    assert next_factors([*done, Trial(decays[0], 90.0)], budget) == decays[1:]
    assert next_factors([*done, *(Trial(factors, 90.0) for factors in decays)], budget) == ()
    assert around(5, step=4) == (1 / 4, 4, 1 / 16, 16, 1 / 64)


def test_a_grid_is_widened_rate_by_rate_while_its_end_is_best_and_no_further_than_asked() -> None:
    budget = TuningBudget(grid=3, span=4.0, trials=5, widen=2)

    def rates(best_at: float) -> list[float]:
        done: list[Trial] = []
        while following := next_factors(done, budget):
            done += [Trial(factors, -abs(math.log(factors.rate / best_at))) for factors in following]
        assert [trial.factors.decay for trial in done[-2:]] == [0.25, 4.0]
        assert {trial.factors.rate for trial in done[-2:]} == {best(done).factors.rate}
        return [trial.factors.rate for trial in done[:-2]]

    assert rates(best_at=1.0) == [0.5, 1.0, 2.0]
    assert rates(best_at=2.0) == [0.5, 1.0, 2.0, 4.0]
    assert rates(best_at=16.0) == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert rates(best_at=0.25) == [0.5, 1.0, 2.0, 0.25, 0.125]
    uneven = TuningBudget(grid=3, span=10.0, trials=3, widen=1)
    wider = TuningBudget(grid=5, span=100.0, trials=5)
    assert (uneven.beyond(tried(0.0, 1.0, 2.0, span=10.0)), uneven.beyond(tried(2.0, 1.0, 0.0, span=10.0))) == (
        wider.rates[-1],
        wider.rates[0],
    )


def test_a_row_with_an_outer_optimizer_tries_its_rates_where_others_try_weight_decays() -> None:
    budget = TuningBudget(grid=3, trials=5)
    done = [Trial(rate, -rate.rate) for rate in next_factors([], budget, outer=True)]
    assert next_factors(done, budget, outer=True) == (Factors(0.25, outer=0.5), Factors(0.25, outer=2.0))
    assert edges([*done, Trial(Factors(0.25, outer=0.5), 9.0)]) == ("lowest learning rate", "lowest outer rate")


def test_a_budget_that_is_none_is_refused_in_a_sentence() -> None:
    for budget, word in (
        (TuningBudget(grid=4, trials=4), "--grid 4"),
        (TuningBudget(span=1.0), "--span 1"),
        (TuningBudget(span=math.nan), "--span nan"),
        (TuningBudget(trials=4), "--trials 4"),
        (TuningBudget(seeds=0), "--tuning-seeds 0"),
        (TuningBudget(sampler="tpa"), "tpe"),
        (TuningBudget(widen=-1), "--widen -1"),
        (TuningBudget(sampler="random", widen=1), "--widen 1"),
    ):
        with pytest.raises(UserError, match=word):
            budget.check()


# ---- what is best


def test_the_most_accurate_is_best() -> None:
    assert best(tried(70.0, 75.0, 80.0, 82.0, 10.0)).factors == Factors(2.0)


def test_of_equals_the_nearest_to_the_published_rate_is_best_then_the_lower() -> None:
    assert best(tried(80.0, 80.0, 80.0, 80.0, 80.0)).factors == PUBLISHED
    assert best(tried(90.0, 80.0, 70.0, 80.0, 90.0)).factors == Factors(0.25)
    assert best(tried(10.0, 80.0, 70.0, 80.0, 10.0)).factors == Factors(0.5)


def test_a_diverged_trial_is_worse_than_any_other() -> None:
    assert best(tried(None, None, None, None, 0.0)).factors == Factors(4.0)
    assert best(tried(None, None, None, None, None)).factors == PUBLISHED


def test_a_best_trial_at_the_edge_is_reported() -> None:
    assert edges(tried(70.0, 75.0, 80.0)) == ("highest learning rate",)
    assert edges(tried(90.0, 75.0, 80.0)) == ("lowest learning rate",)
    assert edges(tried(70.0, 85.0, 80.0)) == ()
    decayed = [*tried(70.0, 85.0, 80.0), Trial(Factors(1.0, 0.25), 90.0), Trial(Factors(1.0, 4.0), 80.0)]
    assert edges(decayed) == ("lowest weight decay",)


# ---- what chooses


def test_trials_hold_a_tenth_out_where_samples_are_left_and_the_shown_runs_none() -> None:
    small = resolve(TABLE, Choices(scale="small", seeds=(0,), networks=("resnet18",))).cells[0]
    budget = settled(TuningBudget(), [small])
    assert (budget.select, validation_samples(small)) == ("validation", 1000)
    (run,) = at(with_validation(small, budget), PUBLISHED, [FIRST_TRIAL_SEED]).runs
    assert run.spec.workload.validation == 1000
    assert at(small, PUBLISHED, [0]) == small
    text = resolve(table("lm"), Choices(scale="small", seeds=(0,))).cells[0]
    assert validation_samples(text) == 1000
    pairs = Choices(scale="smoke", seeds=(0,), settings={"workload": {"tokens.unit": "bpe"}})
    assert validation_samples(resolve(table("lm"), pairs).cells[0]) == 135_000 // 32 // 4 // 10


def test_where_a_row_has_none_left_the_test_split_chooses_for_all() -> None:
    paper = resolve(TABLE, Choices(scale="paper", seeds=(0,), networks=("resnet18",))).cells[0]
    assert settled(TuningBudget(), [cell("bp"), paper]).select == "test"
    with pytest.raises(UserError, match="--select validation: cifar10 has 0 training samples"):
        settled(TuningBudget(select="validation"), [paper])


def test_what_the_test_split_would_have_chosen_is_known_from_the_same_trials() -> None:
    trials = [Trial(Factors(1.0), 80.0, test=70.0), Trial(Factors(2.0), 75.0, test=72.0)]
    assert best(trials).factors == PUBLISHED
    assert best_by_test(trials).factors == Factors(2.0)


# ---- the runs of a trial


def cell(method: str) -> GridRow:
    """Plans the row of a method on ResNet-18."""
    return next(cell for cell in resolve(TABLE, SMOKE).cells if cell.method.name == method)


def test_no_seed_of_tuning_is_one_of_a_table() -> None:
    most = seeds.parsed(str(FIRST_TRIAL_SEED))
    assert most[-1] < FIRST_TRIAL_SEED == tuning_seeds(TuningBudget(seeds=3))[0]


@pytest.mark.parametrize("method", ["async_lu", "lapsgd", "lppsgd"])  # LPP-SGD with one updater is LAP-SGD
def test_at_the_published_rate_the_runs_are_the_tables_own(method: str) -> None:
    own = cell(method)
    assert at(own, PUBLISHED, SMOKE.seeds) == own


def test_another_rate_is_another_run_and_its_label_says_so() -> None:
    (own,) = at(cell("bp"), PUBLISHED, [FIRST_TRIAL_SEED]).runs
    (twice,) = at(cell("bp"), Factors(2.0, 0.25), [FIRST_TRIAL_SEED]).runs
    assert own.id != twice.id
    assert own.labels.row == twice.labels.row
    assert "rate" not in own.title
    assert twice.title.endswith(", rate x 2, decay x 0.25, seed 1000")
    assert twice.work.schedule.lr == 2 * own.work.schedule.lr


def test_another_outer_rate_is_another_run_of_the_same_workload() -> None:
    own = resolve(TABLE, Choices(seeds=(0,), methods=("diloco@outer.lr=0.5",))).cells[0]
    (twice,) = at(own, Factors(outer=2.0), [0]).runs
    assert twice.id != own.runs[0].id
    assert twice.spec.method.options == {**own.runs[0].spec.method.options, "outer.lr": 1.0}
    assert twice.work == own.work
    assert at(own, PUBLISHED, [0]).runs == own.runs


def test_the_warm_up_is_scaled_along_and_nothing_else() -> None:
    for family, network in (("cifar10", "resnet18"), ("cifar10", "resnet20"), ("imdb", "lstm")):
        for scale in ("smoke", "small", "paper"):
            work = workload(family, network, scale)
            twice = tuned(work, Factors(2.0))
            for epochs in (0.0, 0.5, 1.0, 3.0, work.schedule.warm_up_epochs, work.epochs / 2, work.epochs):
                assert twice.schedule(epochs) == pytest.approx(2 * work.schedule(epochs))
            undone = tuned(twice, Factors(0.5))
            assert undone == work
            assert tuned(work, PUBLISHED) == work


def test_where_there_is_no_weight_decay_one_is_tried() -> None:
    work = workload("imdb", "lstm", "smoke")
    assert work.optimizer.weight_decay == 0
    assert tuned(work, Factors(1.0, 4.0)).optimizer.weight_decay == 4 * DECAY_OF_NONE
    assert tuned(work, Factors(2.0)).optimizer.weight_decay == 0


# ---- Optuna's samplers


class Study:
    """A minimal Optuna study: each trial's values follow from earlier scores."""

    def __init__(self) -> None:
        self.told: list[float] = []
        self.first: dict[str, float] | None = None

    def enqueue_trial(self, values: dict[str, float]) -> None:
        self.first = values

    def ask(self) -> Any:
        first, self.first = self.first, None
        return SimpleNamespace(suggest_float=lambda name, low, high, log: self._value(first, name, low, high))

    def tell(self, trial: Any, value: float) -> None:
        self.told.append(value)

    def _value(self, first: dict[str, float] | None, name: str, low: float, high: float) -> float:
        return first[name] if first is not None else min(high, low + sum(self.told) / 1000)


@pytest.fixture
def optuna(monkeypatch: pytest.MonkeyPatch) -> list[Study]:
    studies: list[Study] = []

    def create_study(*, direction: str, sampler: tuple[str, int]) -> Study:
        assert (direction, sampler) == ("maximize", ("tpe", samplers.SEED))
        studies.append(Study())
        return studies[-1]

    kinds = SimpleNamespace(RandomSampler=None, TPESampler=lambda seed: ("tpe", seed))
    quiet = SimpleNamespace(set_verbosity=lambda level: None, WARNING=30)
    fake = SimpleNamespace(create_study=create_study, samplers=kinds, logging=quiet)
    monkeypatch.setitem(sys.modules, "optuna", fake)
    return studies


def test_a_sampler_tries_the_published_rate_first_and_is_repeated_from_what_is_done(optuna: list[Study]) -> None:
    budget = TuningBudget(sampler="tpe", trials=5)
    done: list[Trial] = []
    while following := next_factors(done, budget):
        assert following == next_factors(done, budget)
        done += [Trial(factors, None if len(done) == 1 else 80.0) for factors in following]
    assert done[0].factors == PUBLISHED
    assert len(done) == 5
    assert all(trial.factors.decay == 1.0 for trial in done)
    assert optuna[-1].told == [80.0, samplers.WORST, 80.0, 80.0]
    assert next_factors(done[:1], TuningBudget(sampler="tpe", trials=6))[0].decay != 1.0
