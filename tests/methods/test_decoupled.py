"""Hogwild! and PD-ASGD: the methods they equal on one device, and what PD-ASGD exchanges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

import methods
from benchmarks.executors import registry as executors
from benchmarks.executors.team import SimulatedTeam
from benchmarks.hardware.price import Price
from methods import Team, Worker
from methods.async_lu import AsyncLU
from tests.executors.clocks import Watched
from tests.methods.test_degenerate import FREE_BACKWARD, LAYERS, lasting, same, small, trained
from tests.methods.test_degenerate import sgd as sgd  # the fixture

PRICE = Price.uniform(LAYERS, 1.0, 2.0)

# ---- Hogwild!


@pytest.mark.parametrize(("updaters", "weights"), [(2, "forward"), (4, "current")])
def test_hogwild_is_lap_on_one_device(updaters: int, weights: str) -> None:
    """Averaging one replica changes nothing and costs nothing."""
    options: dict[str, Any] = {"updaters": updaters, "weights": weights}
    assert same(trained("hogwild", **options), trained("lapsgd", devices=1, **options))


def test_hogwild_with_one_updater_is_plain_sgd(sgd: list[Tensor]) -> None:
    assert same(trained("hogwild", updaters=1), sgd)
    assert not same(trained("hogwild"), sgd)


# ---- PD-ASGD


class OnOneDevice(AsyncLU):
    """Async LU with all workers on one device."""

    def workers(self, team: Team) -> Iterable[Worker]:
        return [replace(worker, device=0) for worker in super().workers(team)]


@pytest.mark.parametrize(("workers", "lanes", "shares"), [(1, 1, "equal"), (2, 3, "equal"), (3, 3, "dynamic")])
def test_on_one_device_it_is_async_lu_on_one_device(workers: int, lanes: int, shares: str) -> None:
    price = replace(PRICE, lanes=lanes, lane_capacity=1.5)
    single = small("async_lu", price, backward_workers=workers)
    single.method = OnOneDevice(single.method.options)
    single.train()
    options: dict[str, Any] = {"devices": 1, "backward_workers": workers, "shares": shares}
    assert same(trained("pdasgd", price, **options), lasting(single))


@pytest.mark.parametrize("workers", [1, 2])
def test_on_one_device_with_free_backward_it_is_plain_sgd(sgd: list[Tensor], workers: int) -> None:
    assert same(trained("pdasgd", FREE_BACKWARD, devices=1, backward_workers=workers), sgd)


@pytest.mark.parametrize("executor", executors.in_one_process())
def test_every_replica_applies_every_gradient(executor: str) -> None:
    """It does so once: with SGD without momentum the replicas agree, up to rounding, at an epoch's end."""
    training = small("pdasgd", executor=executor)
    training.team.updates.optimizer = lambda params: torch.optim.SGD(params, lr=1.0, fused=True)
    training.epoch(0)
    steps = training.team.steps_per_epoch
    assert {layer.updates for replica in training.team.replicas for layer in replica.layers} == {steps}
    a, b, c = ([p.detach() for layer in r.layers for p in layer.params] for r in training.team.replicas)
    for x, y, z in zip(a, b, c, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(x, z, rtol=1e-5, atol=1e-6)


def test_without_exchange_devices_train_apart() -> None:
    training = small("pdasgd", exchange="none", shares="equal")
    training.epoch(0)
    a, b = (r.layers[0].params[0].detach() for r in training.team.replicas[:2])
    assert not torch.allclose(a, b, rtol=1e-3)
    device_steps = training.team.steps_per_epoch // 3
    assert {layer.updates for replica in training.team.replicas for layer in replica.layers} == {device_steps}


def run(price: Price, *, steps: int = 60, **options: Any) -> tuple[Watched, SimulatedTeam]:
    method = methods.create("pdasgd", options)
    layers = [(f"layer{i}", 1) for i in range(LAYERS)]
    team = SimulatedTeam.of(layers, replicas=method.replicas, steps_per_epoch=steps)
    executor = Watched(team, price)
    executor.run(method.workers(team))
    return executor, team


def test_nobody_waits_for_what_is_sent() -> None:
    """Slow links do not lengthen the computation; gradients arrive late and are staler."""
    (fast, prompt), (slow, late) = (run(replace(PRICE, latency_seconds=seconds)) for seconds in (0.0, 0.5))
    computing = [
        max(span.end for span in executor.spans if span.effect in ("Forward", "Backward")) for executor in (fast, slow)
    ]
    assert computing[0] == pytest.approx(computing[1])
    assert slow.now > fast.now
    assert late.accounts.staleness.mean()[1] > prompt.accounts.staleness.mean()[1]


def test_lanes_with_capacity_make_decoupling_worth_its_while() -> None:
    """With a 1 : 2 ratio on one device, speed is limited by its capacity; with one lane it equals plain SGD's."""
    one_lane, _ = run(PRICE, devices=1)
    three_lanes, _ = run(replace(PRICE, lanes=3, lane_capacity=3.0), devices=1)
    assert one_lane.now == pytest.approx(60 * 3, rel=0.01)
    assert three_lanes.now == pytest.approx(60 * 1, rel=0.1)
