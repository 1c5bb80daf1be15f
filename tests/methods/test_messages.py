"""EASGD, SGP, LayUp and NoLoCo, which send weights: where they equal averaging, and what they must conserve."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

import methods
from benchmarks.executors import registry as executors
from benchmarks.executors.team import SimulatedTeam, checked
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.price import Price
from methods import (
    Average,
    Channel,
    Get,
    Group,
    NextBatch,
    Program,
    Put,
    Replica,
    Team,
    Update,
    Worker,
    backward,
    forward,
)
from methods.easgd import EASGD
from tests.conformance.small import Small, bits, bounded, weights
from tests.distributed.led import led
from tests.executors.teams import summands
from tests.methods.test_degenerate import LAYERS, same, small, trained
from tests.methods.test_degenerate import sgd as sgd  # the fixture

Tensors = list[torch.Tensor]


def close(a: Tensors, b: Tensors) -> bool:
    return len(a) == len(b) and all(torch.allclose(x, y, rtol=1e-5, atol=1e-6) for x, y in zip(a, b, strict=True))


def plain(method: str, **options: Any) -> Tensors:
    training = small(method, learning_rate="published", **options)
    training.train()
    return weights(training.team)


# ---- EASGD


class Averaging(EASGD):
    """A device that averages with the centre at each of EASGD's exchanges."""

    def workers(self, team: Team) -> Any:
        replica, centre = team.replicas
        pair, due = Group(members=2, name="device and centre"), Channel(None, name="when the two meet")
        yield Worker(self.averaging(team, replica, pair, due), device=0, role="trainer")
        yield Worker(self.meeting(centre, pair, due), device=1, role="server")

    def averaging(self, team: Team, replica: Replica, pair: Group, due: Channel) -> Program:
        while (step := (yield NextBatch(replica, shared=True))) is not None:
            yield from forward(replica, step)
            gradients = yield from backward(replica, step)
            meets = team.state.get("steps", 0) % self.options.period == 0
            team.state["steps"] = team.state.get("steps", 0) + 1
            if meets:
                yield Put(due, True)
                yield Average(pair, replica)
            yield Update(*gradients)
        yield methods.Close(due)

    def meeting(self, centre: Replica, pair: Group, due: Channel) -> Program:
        while (yield Get(due)):
            yield Average(pair, centre)


@pytest.mark.parametrize("period", [1, 2])
def test_by_half_of_the_way_device_and_centre_meet_at_their_mean(period: int) -> None:
    elastic, averaging = (small("easgd", devices=1, alpha=0.5, period=period) for _ in range(2))
    averaging.method = Averaging(elastic.method.options)
    for training in (elastic, averaging):
        training.train()
    assert close(weights(elastic.team), weights(averaging.team))


@pytest.mark.parametrize("executor", executors.in_one_process())
def test_the_centre_by_hand(executor: str) -> None:
    """A gradient of 8 at each step, alpha 1/4, an exchange before every 2nd step; x and c are 1 at first.

    Step 1 exchanges equal weights: x becomes -7, then -15. At step 3 they are 16 apart, and each moves by 4.
    """
    team = summands(8.0, 8.0, steps=2)
    method = methods.create("easgd", {"devices": 1, "alpha": 0.25, "period": 2})
    bounded(lambda: executors.executor(executor).build(team, Price.uniform(2, 1.0, 1.0), 1).run(method.workers(team)))
    x, c = ([float(layer.params[0].data) for layer in replica.layers] for replica in team.replicas)
    assert (x, c) == ([-15 + 4 - 8 - 8] * 2, [1 - 4] * 2)


def test_what_is_evaluated_is_the_centre() -> None:
    training = small("easgd", alpha=1.0, period=1)
    training.epoch(0)
    centre = [layer.module.state_dict() for layer in training.team.replicas[-1].layers]
    judged = [module.state_dict() for module in training.judge.values()]
    assert all(same(list(a.values()), list(b.values())) for a, b in zip(judged, centre, strict=True))


# ---- SGP


def test_all_to_all_without_a_delay_is_averaging() -> None:
    """Compares with L-SGD with K = 1, up to rounding."""
    assert close(plain("sgp", graph="complete"), plain("lsgd", period=1))


def test_on_one_device_it_is_plain_sgd(sgd: Tensors) -> None:
    assert same(trained("sgp", devices=1), sgd)


@pytest.mark.parametrize("executor", executors.in_one_process())
@pytest.mark.parametrize(("graph", "delay"), [("exponential", 0), ("exponential", 2), ("complete", 1)])
def test_push_sum_weights_and_what_they_weigh_are_kept(graph: str, delay: int, executor: str) -> None:
    """At a rate of 0, the weights w still sum to Q, and the sum of w z does not change."""
    devices, weight = 4, "push-sum weight of device {}"
    team = summands(*[0.0] * devices, steps=5)
    for q, replica in enumerate(team.replicas):
        for layer in replica.layers:
            layer.params[0].data.fill_(q)
    method = methods.create("sgp", {"devices": devices, "graph": graph, "delay": delay})
    bounded(lambda: executors.executor(executor).build(team, Price.uniform(2, 1.0, 1.0), 1).run(method.workers(team)))
    w = [checked(float, team.state[weight.format(q)]) for q in range(devices)]
    z = [float(replica.layers[0].params[0].data) for replica in team.replicas]
    assert sum(w) == pytest.approx(devices)
    assert sum(a * b for a, b in zip(w, z, strict=True)) == pytest.approx(0 + 1 + 2 + 3)
    assert max(z) - min(z) < 3


def test_a_delay_hides_the_way_behind_the_passes() -> None:
    """The 2 s on the link overlap with passes of 3 s, except in the last step."""
    epoch_seconds = []
    for delay in (0, 1):
        team = SimulatedTeam.of([(str(i), 1) for i in range(LAYERS)], replicas=2, steps_per_epoch=6)
        price = replace(Price.uniform(LAYERS, 1.0, 2.0), latency_seconds=2.0)
        executor = VirtualExecutor(team, price)
        executor.run(methods.create("sgp", {"devices": 2, "delay": delay}).workers(team))
        epoch_seconds.append(executor.now)
    assert epoch_seconds == [3 * (3 + 2), 3 * 3 + 2]


# ---- LayUp


@pytest.mark.parametrize("executor", executors.in_one_process())
def test_every_layers_push_sum_weights_are_kept(executor: str) -> None:
    """At a rate of 0, they sum to Q, the sum of w z does not change, and no message is left over."""
    devices = 3
    team = summands(*[0.0] * devices, steps=5)
    for q, replica in enumerate(team.replicas):
        for layer in replica.layers:
            layer.params[0].data.fill_(q + layer.index)
    method = methods.create("layup", {"devices": devices})
    bounded(lambda: executors.executor(executor).build(team, Price.uniform(2, 1.0, 1.0), 1).run(method.workers(team)))
    for i in range(2):
        layers = [replica.layers[i] for replica in team.replicas]
        w = [checked(float, team.state[f"push-sum weight of {layers[0].name} on device {q}"]) for q in range(devices)]
        z = [float(layer.params[0].data) for layer in layers]
        assert sum(w) == pytest.approx(devices)
        assert sum(a * b for a, b in zip(w, z, strict=True)) == pytest.approx(3 + 3 * i)
        assert sum(layer.averages for layer in layers) == 5 * devices


def test_layup_on_one_device_is_plain_sgd(sgd: Tensors) -> None:
    assert same(trained("layup", devices=1), sgd)


def test_a_slow_device_holds_nobody_up() -> None:
    """A batch takes 3 s, or 12 s on a slow device: in 24 s one device has 8 batches, the other 2."""
    team = SimulatedTeam.of([(str(i), 1) for i in range(LAYERS)], replicas=2, steps_per_epoch=10)
    price = replace(Price.uniform(LAYERS, 1.0, 2.0), factors=(1.0, 4.0))
    executor = VirtualExecutor(team, price)
    executor.run(methods.create("layup", {"devices": 2}).workers(team))
    assert (team.accounts.taken, executor.now) == ([8, 2], 24)


# ---- NoLoCo


OUTER = {"outer.name": "sgd", "outer.lr": 0.6, "outer.momentum": 0.5}


def test_two_devices_are_diloco() -> None:
    """Their anchors are equal, so that gamma has no effect, up to rounding."""
    weights = [plain(method, devices=2, period=2, **OUTER) for method in ("noloco", "diloco")]
    assert close(*weights)


@pytest.mark.parametrize("executor", executors.in_one_process())
def test_two_rounds_of_noloco_by_hand(executor: str) -> None:
    """Gradients of 2, 4 and 6; each device steps by the pair's mean weights, or by its own if it is left over.

    m = 0.5 m - 0.6 (a - mean x), a = x = a + m, in each of the two rounds of one step.
    """
    gradients = (2.0, 4.0, 6.0)
    team = summands(*gradients, steps=2)
    method = methods.create("noloco", {"devices": 3, "period": 1, **OUTER})
    bounded(lambda: executors.executor(executor).build(team, Price.uniform(2, 1.0, 1.0), 1).run(method.workers(team)))
    a, m, pairs = [1.0] * 3, [0.0] * 3, set()
    for number in (1, 2):
        x = [anchor - gradient for anchor, gradient in zip(a, gradients, strict=True)]
        for q, replica in enumerate(team.replicas):
            pairs.add(pair := method.pair_of(team, replica, number))  # type: ignore[attr-defined]
            of = [x[i] for i in pair] if pair is not None else [x[q]]
            m[q] = 0.5 * m[q] - 0.6 * (a[q] - sum(of) / len(of))
        a = [anchor + step for anchor, step in zip(a, m, strict=True)]
    assert [float(replica.layers[0].params[0].data) for replica in team.replicas] == pytest.approx(a)
    assert len(pairs) > 2  # and none: they were not the same in both rounds


def test_a_rate_that_is_set_leaves_the_outer_optimizer_what_it_is() -> None:
    outer = methods.create("noloco", {"outer.lr": 0.5}).options.outer
    assert (outer.name, outer.lr, outer.momentum) == ("sgd", 0.5, 0.5)


def test_noloco_on_two_ranks_is_what_it_is_in_one_process() -> None:
    alone = Small("noloco", {"devices": 2, "period": 2})
    with led("noloco", {"devices": 2, "period": 2}) as ranks:
        for training in (alone, ranks):
            training.train()
        assert bits(ranks.team) == bits(alone.team)


# ---- what is refused


@pytest.mark.parametrize(
    ("method", "options"), [("easgd", {"alpha": 1.5}), ("noloco", {"period": 0}), ("sgp", {"delay": -1})]
)
def test_options_that_do_not_go_are_refused(method: str, options: dict[str, Any]) -> None:
    with pytest.raises(methods.MethodError):
        methods.create(method, options)


@pytest.mark.parametrize("method", ["easgd", "sgp", "layup", "noloco"])
def test_ranks_refuse_them(method: str) -> None:
    assert "share memory" in methods.create(method).refuses(executors.DISTRIBUTED)
