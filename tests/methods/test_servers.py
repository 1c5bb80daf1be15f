"""ASGD, Ringmaster and Rennala: their degenerate cases, and their promises about delays."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import methods
from benchmarks.executors import registry as executors
from benchmarks.executors.accounting import Gradient, Layer
from benchmarks.executors.team import SimulatedTeam, checked
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.executors.virtual.spans import Span
from benchmarks.hardware import cards
from benchmarks.hardware.price import Price, Sizes
from methods import Method, Scale
from tests.conformance.small import EPOCHS, Small, bits, network
from tests.methods.test_degenerate import LAYERS, same, small, trained
from tests.methods.test_degenerate import sgd as sgd  # the fixture

SQRT = cards.load("sqrt-8")
UNLIKE = SQRT.price(SQRT.networks["resnet18"], ["stem", "stage1.0", "stage2.0", "stage3.0", "stage4.0", "head"])
ENOUGH = 10**6


class Noting(SimulatedTeam):
    """Lists the delays of applied gradients, for all layers."""

    applied: list[int]

    def update_layer(self, layer: Layer, gradient: Gradient, worker: str, now: float, scale: Scale) -> None:
        self.applied += [layer.updates - read.updates for read, _ in gradient.all_parts]
        super().update_layer(layer, gradient, worker, now, scale)


def epoch(method: Method, steps: int, price: Price = UNLIKE) -> tuple[Noting, list[Span]]:
    """Runs an epoch without tensors."""
    layers, spans = [(f"layer{i}", 1) for i in range(len(price.forward))], list[Span]()
    team = checked(Noting, Noting.of(layers, steps_per_epoch=steps))
    team.applied = []
    VirtualExecutor(team, price, listen=spans.append).run(method.workers(team))
    team.accounts.end_epoch()
    return team, spans


# ---- degenerate cases


@pytest.mark.parametrize("executor", executors.in_one_process())
@pytest.mark.parametrize(
    ("method", "options"), [("asgd", {}), ("ringmaster", {"threshold": 1}), ("rennala", {"gradients": 1})]
)
def test_with_one_worker_they_are_plain_sgd(
    sgd: list[Tensor], method: str, options: dict[str, Any], executor: str
) -> None:
    assert same(trained(method, executor=executor, devices=1, **options), sgd)


def outcome(method: str, **options: Any) -> tuple[str, float | None, list[dict[str, float]]]:
    """Returns weights, counters, simulated seconds, and the metrics except real seconds."""
    training = Small(method, options)
    metrics = training.train()
    for of_epoch in metrics:
        del of_epoch["train_seconds"]
    return bits(training.team), training.executor.now, metrics


def test_ringmaster_beyond_all_delays_is_asgd() -> None:
    assert outcome("ringmaster", threshold=ENOUGH) == outcome("asgd")
    assert outcome("ringmaster", threshold=2) != outcome("asgd")


def test_rennala_by_one_gradient_is_ringmaster_by_none_that_is_late() -> None:
    assert outcome("rennala", gradients=1) == outcome("ringmaster", threshold=1)


def test_rennala_on_one_device_adds_up_its_batches() -> None:
    """It steps by the mean of three gradients at the same weights, and by the rest at an epoch's end."""
    like = Small("bp")
    model, chosen = nn.Sequential(*network(like.seed).values()).train(), like.work.optimizer
    optimizer = torch.optim.SGD(
        model.parameters(), lr=1.0, momentum=chosen.momentum, weight_decay=chosen.weight_decay, fused=True
    )
    for number in range(EPOCHS):
        for begin in range(0, like.batches.steps(), 3):
            indices = range(begin, min(begin + 3, like.batches.steps()))
            optimizer.zero_grad()
            for index in indices:
                images, labels = like.batches.batch(number, index)
                loss = nn.functional.cross_entropy(model(images), labels)
                (loss / len(indices)).backward()  # type: ignore[no-untyped-call]
            optimizer.param_groups[0]["lr"] = like.work.schedule(number)
            optimizer.step()
    weights = trained("rennala", devices=1, gradients=3)
    expected = [t.detach() for t in model.state_dict().values()]
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(weights, expected, strict=True))


# ---- delays


@pytest.mark.parametrize("threshold", [1, 2, 5])
def test_no_applied_delay_reaches_the_threshold(threshold: int) -> None:
    team, _ = epoch(methods.create("ringmaster", {"devices": 8, "threshold": threshold}), 400)
    assert max(team.applied) == threshold - 1
    assert team.accounts.dropped > 0
    assert len(team.applied) + team.accounts.dropped == 400 * len(team.replica.layers)


@pytest.mark.parametrize("executor", ["threads"])
def test_nor_does_it_where_time_is_real(executor: str) -> None:
    training = small("ringmaster", executor=executor, threshold=1)
    training.train()
    assert training.team.accounts.staleness.updates == [0] * LAYERS


@pytest.mark.parametrize("gradients", [2, 7])
def test_rennala_steps_by_gradients_of_the_weights_of_now(gradients: int) -> None:
    team, _ = epoch(methods.create("rennala", {"devices": 8, "gradients": gradients}), 400)
    counts, layers = team.accounts.effects, len(UNLIKE.forward)
    assert set(team.applied) == {0}
    assert counts["applied_batches"] + team.accounts.dropped == counts["gradients"] == 400 * layers
    assert counts["updates"][0] == -(-(counts["applied_batches"] // layers) // gradients)


# ---- devices that are not alike


def test_devices_have_shares_of_the_updates_by_their_speeds() -> None:
    """Device i of 8, whose gradients take sqrt(i) seconds, makes a share of the updates proportional to 1 / sqrt(i)."""
    team, spans = epoch(methods.create("asgd", {"devices": 8}), 4000)
    steps = Counter(span.device for span in spans if span.effect == "Backward" and span.layers == (0,))
    weights = [(i + 1) ** -0.5 for i in range(8)]
    assert sum(steps.values()) == 4000 == team.replica.layers[0].updates
    for device, weight in enumerate(weights):
        assert steps[device] / 4000 == pytest.approx(weight / sum(weights), rel=0.02)
    assert team.accounts.staleness.mean()[0] == pytest.approx(7, rel=0.01)  # the others' steps, one for each on average


# ---- seconds


def test_gradients_and_weights_pay_their_way() -> None:
    """A batch costs a request, the layers' weights, the passes and the gradients, worked out for one worker."""
    steps, latency, weights, rate = 5, 7.0, 3 * 10.0, 4.0
    price = Price([1.0] * 3, [1.0] * 3, [1.0] * 3, [10.0] * 3, latency_seconds=latency, bytes_per_second=rate)
    wish, passes = Sizes.LOSS_BYTES / rate, 3 * 3.0
    team = Noting.of([(f"layer{i}", 1) for i in range(3)], steps_per_epoch=steps)
    checked(Noting, team).applied = []
    executor = VirtualExecutor(team, price)
    executor.run(methods.create("asgd", {"devices": 1}).workers(team))
    messages = 2 * steps + 1
    assert executor.now == pytest.approx(
        steps * passes + messages * latency + steps * 2 * weights / rate + 2 * steps * wish
    )


def test_the_server_is_a_device_of_its_own() -> None:
    method = methods.create("asgd", {"devices": 3})
    assert (method.devices, method.servers, method.replicas) == (4, 1, 1)
    (server, *others) = method.workers(SimulatedTeam.of([("layer", 1)], steps_per_epoch=3))
    assert server.device == 3
    assert [worker.device for worker in others] == [0, 1, 2]
    for worker in (server, *others):
        worker.program.close()


@pytest.mark.parametrize("method", ["asgd", "ringmaster", "rennala"])
def test_ranks_refuse_them(method: str) -> None:
    assert "share memory" in methods.create(method).refuses(executors.DISTRIBUTED)
