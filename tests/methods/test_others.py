"""CoCoD-SGD, AD-PSGD and the delay-adaptive rate: degenerate cases, what each promises, and what it gains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import methods
from benchmarks.executors import registry as executors
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.delays import Delay
from benchmarks.hardware.price import Price
from methods import delay_adaptive
from tests.conformance.small import EPOCHS, Small, network
from tests.executors.crews import carry_out
from tests.methods.test_degenerate import LAYERS, same, small, trained
from tests.methods.test_degenerate import sgd as sgd  # the fixture

PRICE = Price.uniform(LAYERS, 1.0, 2.0)

# ---- on one device


@pytest.mark.parametrize(("method", "options"), [("cocod", {"period": 3}), ("adpsgd", {})])
def test_on_one_device_they_are_plain_sgd(sgd: list[Tensor], method: str, options: dict[str, Any]) -> None:
    assert same(trained(method, devices=1, **options), sgd)
    assert not same(trained(method, devices=2, **options), sgd)


# ---- CoCoD-SGD


class ByHand:
    """A device of CoCoD-SGD, written directly from Algorithm 1."""

    def __init__(self, like: Small) -> None:
        self.model = nn.Sequential(*network(like.seed).values()).train()
        chosen = like.work.optimizer
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=1.0, momentum=chosen.momentum, weight_decay=chosen.weight_decay, fused=True
        )

    @property
    def x(self) -> Tensor:
        floats = [t for t in self.model.state_dict().values() if t.is_floating_point()]
        return torch.cat([t.flatten() for t in floats])

    @x.setter
    def x(self, value: Tensor) -> None:
        floats = [t for t in self.model.state_dict().values() if t.is_floating_point()]
        for t, piece in zip(floats, torch.split(value, [t.numel() for t in floats]), strict=True):
            t.copy_(piece.view_as(t))

    def step(self, rate: float, images: Tensor, labels: Tensor) -> None:
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.zero_grad()
        nn.functional.cross_entropy(self.model(images), labels).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()


def cocod_by_hand(like: Small, period: int) -> list[Tensor]:
    devices = [ByHand(like), ByHand(like)]
    device_steps = like.team.steps_per_epoch // 2
    for epoch in range(EPOCHS):
        for begin in range(0, device_steps, period):
            starts = [device.x for device in devices]
            for n in range(begin, min(begin + period, device_steps)):
                for q, device in enumerate(devices):
                    device.step(like.work.schedule(epoch), *like.batches.batch(epoch, 2 * n + q))
            for device, start in zip(devices, starts, strict=True):
                device.x = (starts[0] + starts[1]) / 2 + device.x - start
    return [device.x for device in devices]


@pytest.mark.parametrize(("period", "price"), [(1, PRICE), (4, replace(PRICE, latency_seconds=7.0))])
def test_cocod_is_its_algorithm(period: int, price: Price) -> None:
    """The average is added at the round's end, however long it takes."""
    training = small("cocod", price, devices=2, period=period)
    training.train()
    for replica, expected in zip(training.team.replicas, cocod_by_hand(training, period), strict=True):
        floats = [t for layer in replica.layers for t in layer.module.state_dict().values() if t.is_floating_point()]
        torch.testing.assert_close(torch.cat([t.flatten() for t in floats]), expected, rtol=1e-4, atol=1e-5)


def seconds(method: str, price: Price, steps: int, **options: Any) -> float:
    algorithm = methods.create(method, {"devices": 2, "period": 4, **options})
    team = SimulatedTeam.of([(f"layer{i}", 1) for i in range(LAYERS)], replicas=2, steps_per_epoch=2 * steps)
    executor = VirtualExecutor(team, price)
    executor.run(algorithm.workers(team))
    return executor.now


@pytest.mark.parametrize("latency", [0.0, 2.0, 30.0])
def test_cocod_hides_the_averages_behind_the_steps(latency: float) -> None:
    """A round takes the longer of average and steps; local SGD takes their sum."""
    price = replace(PRICE, latency_seconds=latency)
    average, rounds = price.all_reduce(range(LAYERS), range(2)), 5
    assert seconds("cocod", price, 4 * rounds) == pytest.approx(rounds * max(4 * 3.0, average))
    assert seconds("lsgd", price, 4 * rounds) == pytest.approx(rounds * (4 * 3.0 + average))


# ---- averages of momentum


@pytest.mark.parametrize("averages", ["weights", "weights_and_momentum"])
def test_local_sgd_may_average_its_momentum(averages: str) -> None:
    training = small("lsgd", devices=3, period=2, averages=averages)
    training.epoch(0)  # four steps a device
    momenta = [training.team.updates.state_of(replica.layers[0])[0] for replica in training.team.replicas]
    alike = torch.allclose(momenta[0], momenta[1], rtol=1e-5, atol=1e-6)
    assert alike == (averages == "weights_and_momentum")
    assert momenta[0].any()


# ---- AD-PSGD


@pytest.mark.parametrize("executor", executors.in_one_process())
@pytest.mark.parametrize("devices", [1, 3, 8])
def test_gossip_comes_to_an_end(executor: str, devices: int) -> None:
    """Active devices wait only for passive ones, which wait for none: no deadlock, whatever their numbers."""
    method = methods.create("adpsgd", {"devices": devices})
    team = SimulatedTeam.of([("a", 1), ("b", 1)], replicas=devices, steps_per_epoch=10 * devices)
    workers = list(method.workers(team))
    carry_out(
        executor, *(worker.program for worker in workers), team=team, devices=tuple(worker.device for worker in workers)
    )
    assert all(layer.updates == 10 for replica in team.replicas for layer in replica.layers)
    active_averages = sum(replica.layers[0].averages for replica in team.replicas[::2])
    assert active_averages == sum(replica.layers[0].averages for replica in team.replicas[1::2])
    assert active_averages > 0 or devices == 1


def test_gossip_mixes_and_keeps_the_mean() -> None:
    training = small("adpsgd", devices=4, bn_buffers="per_device")
    training.team.updates.optimizer = lambda params: torch.optim.SGD(params, lr=1.0, fused=True)
    training.team.updates.learning_rate = lambda ticket: 0.0
    weights = [[p.data for layer in r.layers for p in layer.params] for r in training.team.replicas]
    draw = torch.Generator().manual_seed(0)
    for tensors in weights:
        for t in tensors:
            t.add_(torch.randn(t.shape, generator=draw))

    def mean_and_spread() -> tuple[Tensor, float]:
        vectors = torch.stack([torch.cat([t.flatten() for t in tensors]) for tensors in weights])
        return vectors.mean(0), float(vectors.std(0).mean())

    mean, spread = mean_and_spread()
    for epoch in range(2):
        training.epoch(epoch)
    mixed, checked = mean_and_spread()
    torch.testing.assert_close(mixed, mean, rtol=1e-4, atol=1e-5)
    assert checked < spread / 2


# ---- the delay-adaptive rate


def test_a_delay_counts_the_update_itself() -> None:
    scale = delay_adaptive(4)
    assert callable(scale)
    assert [scale(staleness) for staleness in (0, 3, 4, 7)] == [1.0, 1.0, 0.8, 0.5]


@pytest.mark.parametrize("method", ["async_bu", "lapsgd"])
def test_where_nobody_is_late_the_rate_is_the_schedules(method: str) -> None:
    assert same(trained(method, PRICE, rate="delay_adaptive"), trained(method, PRICE))


def test_late_gradients_count_less() -> None:
    late = replace(PRICE, delays=(Delay(kind="constant", device=1, steps=6.0),))
    assert not same(trained("async_lu", late, rate="delay_adaptive"), trained("async_lu", late))


@pytest.mark.parametrize(("method", "workers"), [("async_lu", 5), ("async_bu", 5), ("pdasgd", 15)])
def test_the_workers_are_counted_and_no_queue(method: str, workers: int) -> None:
    options = {"forward_workers": 2, "backward_workers": 3, "queue": 16, "rate": "delay_adaptive"}
    scale = methods.create(method, options).scale  # type: ignore[attr-defined]
    assert [scale(staleness) for staleness in (workers - 1, 2 * workers - 1)] == [1.0, 0.5]


@pytest.mark.parametrize(
    ("method", "never", "late"),
    [
        ("async_lu", {"backward_workers": 1}, {"backward_workers": 1, "queue": 1}),
        ("hogwild", {"updaters": 1}, {"updaters": 2}),
        ("lapsgd", {"updaters": 1}, {"updaters": 2}),
    ],
)
def test_a_rate_that_cannot_be_lower_is_said_to_be(method: str, never: dict[str, int], late: dict[str, int]) -> None:
    assert methods.create(method, {**never, "rate": "delay_adaptive"}).special_case
    assert not methods.create(method, {**late, "rate": "delay_adaptive"}).special_case
    assert not methods.create(method, never).special_case


@pytest.mark.parametrize("executor", executors.in_one_process())
def test_with_one_updater_it_is_plain_sgd(sgd: list[Tensor], executor: str) -> None:
    assert same(trained("hogwild", executor=executor, updaters=1, rate="delay_adaptive"), sgd)
