"""MB-SGD, L-SGD and PL-SGD: the methods they equal, and when they average."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import methods
from benchmarks.executors import registry as executors
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.price import Price
from methods.ddp import DDP
from tests.conformance.small import weights
from tests.methods.test_degenerate import same, small, trained
from tests.methods.test_degenerate import sgd as sgd  # the fixture


def plain(method: str, executor: str, **options: Any) -> list[torch.Tensor]:
    """Returns the weights after three epochs of SGD without momentum, at the schedule's rate."""
    training = small(method, executor=executor, learning_rate="published", **options)
    training.team.updates.optimizer = lambda params: torch.optim.SGD(params, lr=1.0, weight_decay=0.01, fused=True)
    training.train()
    return weights(training.team)


@pytest.mark.parametrize(
    ("executor", "options"), [("virtual", {"switch": 1.0}), ("threads", {"switch": 0.0, "period": 1})]
)
def test_an_average_after_every_update_is_an_average_of_gradients(executor: str, options: dict[str, Any]) -> None:
    """PL-SGD with K = 1 equals DDP up to rounding, with SGD without momentum; running statistics differ."""
    for a, b in zip(plain("ddp", executor, devices=3), plain("plsgd", executor, devices=3, **options), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("executor", "period"), [("virtual", 1), ("threads", 3)])
def test_local_sgd_is_post_local_sgd_without_its_first_phase(executor: str, period: int) -> None:
    assert same(
        trained("lsgd", executor=executor, period=period),
        trained("plsgd", executor=executor, switch=0.0, period=period),
    )


@pytest.mark.parametrize("executor", executors.in_one_process())
def test_minibatch_sgd_is_ddp_with_paper_bs_learning_rate(executor: str) -> None:
    assert same(trained("mbsgd", executor=executor), trained("ddp", executor=executor, learning_rate="linear"))
    assert methods.create("mbsgd").learning_rate_factor == 3
    assert issubclass(methods.method_class("mbsgd"), DDP)


@pytest.mark.parametrize("method", ["mbsgd", "lsgd", "plsgd"])
def test_on_one_device_they_are_plain_sgd(sgd: list[torch.Tensor], method: str) -> None:
    assert same(trained(method, devices=1), sgd)


@pytest.mark.parametrize("method", ["mbsgd", "lsgd", "plsgd"])
def test_their_learning_rate_grows_with_the_devices(method: str) -> None:
    assert [methods.create(method, {"devices": q}).learning_rate_factor for q in (1, 4)] == [1, 4]
    assert methods.create(method, {"devices": 4, "learning_rate": "published"}).learning_rate_factor == 1


def averages(method: str, steps: int, epochs: int, **options: Any) -> list[int]:
    """Returns how many averages three devices have made by the end of each epoch."""
    algorithm = methods.create(method, options)
    team = SimulatedTeam.of([("a", 1), ("b", 1)], replicas=3, steps_per_epoch=3 * steps)
    team.accounts.epochs, counts = epochs, []
    executor = VirtualExecutor(team, Price.uniform(2, 1.0, 2.0))
    for epoch in range(epochs):
        team.begin_epoch(epoch)
        executor.run(algorithm.workers(team))
        (count,) = {layer.averages for replica in team.replicas for layer in replica.layers}
        counts.append(count)
    return counts


def test_local_steps_are_counted_over_epochs() -> None:
    """With five steps an epoch and period 4, averages follow steps 4, 8, 12, ..., and none an epoch's end."""
    assert averages("lsgd", 5, 4, period=4) == [1, 2, 3, 5]
    assert averages("lsgd", 5, 2, period=16) == [0, 0]


def test_post_local_sgd_averages_after_every_update_first() -> None:
    assert averages("plsgd", 5, 4, period=4, switch=0.5) == [5, 10, 11, 13]
    assert averages("plsgd", 5, 3, period=4, switch=0.5) == [5, 10, 11]
