"""PipeDream-2BW: SGD with gradients that are one update old, whatever the number of stages."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import methods
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.price import Price
from methods import MethodError
from tests.executors.teams import IMAGES, RATE, by_hand, team_of, weight
from tests.methods.test_degenerate import lasting, same, small, trained

LAYERS, STEPS = 4, 22
PRICE = Price.uniform(LAYERS, 1.0, 2.0)


def made(stages: int, microbatches: int) -> methods.Method:
    return methods.create("pipedream_2bw", {"stages": stages, "microbatches": microbatches})


def test_one_stage_is_backpropagation_with_a_delay_of_one() -> None:
    """Compares all bits and the simulated seconds."""
    pipedream, bp = small("pipedream_2bw", stages=1, microbatches=1), small("bp", delay=1)
    seconds = [[metrics["virtual_seconds"] for metrics in training.train()] for training in (pipedream, bp)]
    assert seconds[0] == seconds[1]
    assert same(lasting(pipedream), lasting(bp))


@pytest.mark.parametrize(("executor", "stages"), [("virtual", 2), ("virtual", 4), ("threads", 3)])
def test_more_stages_are_the_same_numbers(executor: str, stages: int) -> None:
    alone = trained("pipedream_2bw", stages=1, microbatches=4)
    assert same(trained("pipedream_2bw", executor=executor, stages=stages, microbatches=4), alone)


@pytest.mark.parametrize("steps", [6, 7])
def test_it_is_the_papers_recursion(steps: int) -> None:
    """Checks W(t + 1) = W(t) - rate * mean gradient of batch t at W(max(t - 1, 0))."""
    team = team_of(steps=steps)
    versions: list[tuple[Tensor, ...]] = [(weight(team, 0).clone(), weight(team, 1).clone())]
    for t, first in enumerate(range(0, steps, 2)):
        batch = [by_hand(IMAGES + i, *versions[max(t - 1, 0)]) for i in range(first, min(first + 2, steps))]
        means = [torch.stack(of_layer).mean(0) for of_layer in zip(*batch, strict=True)]
        versions.append(tuple(w - RATE * mean for w, mean in zip(versions[-1], means, strict=True)))
    VirtualExecutor(team, Price.uniform(2, 1.0, 1.0)).run(made(2, 2).workers(team))
    for layer in range(2):
        torch.testing.assert_close(weight(team, layer), versions[-1][layer])


def run(stages: int, microbatches: int, price: Price = PRICE, steps: int = STEPS) -> tuple[float, SimulatedTeam]:
    team = SimulatedTeam.of([(f"layer{i}", 1) for i in range(LAYERS)], steps_per_epoch=steps)
    executor = VirtualExecutor(team, price)
    executor.run(made(stages, microbatches).workers(team))
    team.accounts.end_epoch()
    return executor.now, team


@pytest.mark.parametrize(("stages", "microbatches"), [(1, 1), (1, 3), (2, 2), (4, 4), (4, 7)])
def test_every_gradient_but_the_firsts_is_one_update_late(stages: int, microbatches: int) -> None:
    _, team = run(stages, microbatches)
    assert team.accounts.staleness.updates == [STEPS - microbatches] * LAYERS
    assert team.accounts.effects["moved"] == 0


@pytest.mark.parametrize("stages", [1, 2, 4])
def test_no_stage_stands_still_between_steps(stages: int) -> None:
    """An epoch of N batches takes N + K - 1 turns of (f + b) / K seconds: the pipeline is filled and drained once."""
    seconds, _ = run(stages, 4)
    assert seconds == pytest.approx((STEPS + stages - 1) * 3.0 / stages)


def test_what_an_update_overtakes_is_pinned() -> None:
    """Stage k pins K - 1 - k of every m microbatches, except of the first m."""
    _, team = run(4, 5, steps=20)
    assert team.accounts.effects["pinned"] == 3 * (3 + 2 + 1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"stages": 5}, "microbatches=4 is less than stages=5"),
        ({"microbatches": 0}, r"pipedream_2bw\.microbatches=0"),
        ({"cut": "authors"}, r"pipedream_2bw\.cut='authors'"),
    ],
)
def test_options_that_do_not_go_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(MethodError, match=words):
        methods.create("pipedream_2bw", options)


def test_more_stages_than_layers() -> None:
    with pytest.raises(MethodError, match=r"set pipedream_2bw\.stages to at most 4"):
        made(5, 5).check_layers(4)
