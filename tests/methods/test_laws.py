"""The laws of arXiv:2410.05985, sections 3.3 and 3.4, and of the hardware cards, on teams without tensors."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pytest

import methods
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware import cards
from benchmarks.hardware.price import Price
from benchmarks.papers.predicted_seconds import seconds_per_epoch

STEPS = 400


def epoch(method: str, price: Price, *, steps: int = STEPS, **options: Any) -> tuple[VirtualExecutor, SimulatedTeam]:
    """Runs one epoch of a network with the price's layers."""
    algorithm = methods.create(method, options)
    layers = [(f"layer{i}", 1) for i in range(len(price.forward))]
    team = SimulatedTeam.of(layers, replicas=algorithm.replicas, steps_per_epoch=steps)
    team.accounts.epoch = team.accounts.epochs = 1  # past the methods' first phases
    executor = VirtualExecutor(team, price)
    executor.run(algorithm.workers(team))
    return executor, team


def steps_per_second(method: str, price: Price, **options: Any) -> float:
    executor, team = epoch(method, price, **options)
    return team.steps_per_epoch / executor.now


# ---- section 3.3: how much faster


@pytest.mark.parametrize("method", ["async_lu", "async_bu"])
@pytest.mark.parametrize(("forward", "backward", "printed"), [(4.9, 10.2, 2.96), (16.6, 29.9, 2.80)])
def test_two_backward_workers_on_the_papers_seconds(
    method: str, forward: float, backward: float, printed: float
) -> None:
    """With Table 9's seconds of ResNet-18 and ResNet-50 the law promises more than the paper measured."""
    price = Price.uniform(10, forward, backward)
    speedup = steps_per_second(method, price, backward_workers=2) / steps_per_second("bp", price)
    assert speedup == pytest.approx(printed, rel=0.02)
    assert speedup == pytest.approx((forward + backward) / max(forward, backward / 2), rel=0.02)


@pytest.mark.parametrize("method", ["async_lu", "async_bu"])
@pytest.mark.parametrize("beta", [0.5, 2.0, 3.3])
def test_a_long_stream(method: str, beta: float) -> None:
    """The speed-up is (f + b) / max(f, b / K): either the forward worker or the backward workers are always busy."""
    price = Price.uniform(6, 1.0, beta)
    for workers in (1, 3):
        speedup = steps_per_second(method, price, backward_workers=workers) / steps_per_second("bp", price)
        assert speedup == pytest.approx((1 + beta) / max(1, beta / workers), rel=0.02)


@pytest.mark.parametrize("method", ["async_lu", "async_bu"])
def test_so_many_batches_with_enough_workers(method: str) -> None:
    """The speed-up is b (1 + beta) / (b + beta), since T1 = b (1 + beta) T; the paper prints (b + beta) T."""
    for beta, batches in product((1.0, 3.5), (1, 7, 30)):
        price = Price.uniform(4, 1.0, beta)
        sequential, _ = epoch("bp", price, steps=batches)
        asynchronous, _ = epoch(method, price, steps=batches, backward_workers=math.ceil(beta) + 1)
        assert sequential.now == pytest.approx(batches * (1 + beta), rel=1e-12)
        assert sequential.now / asynchronous.now == pytest.approx(batches * (1 + beta) / (batches + beta), rel=1e-12)


# ---- section 3.4: how long a gradient waits


@pytest.mark.parametrize(("layers", "beta"), [(4, 1.0), (20, 2.0)])
def test_the_wait_for_a_block_update(layers: int, beta: float) -> None:
    """It is beta T (M - 1) / 2 over all layers, and the mean, which the paper does not divide by M, 1 / M of it."""
    price = Price.uniform(layers, 1.0, beta)
    (_, block), (_, layerwise) = epoch("async_bu", price), epoch("async_lu", price)
    waits = [row["wait_seconds"] for row in block.accounts.staleness.per_layer()]
    assert sum(waits) == pytest.approx(beta * (layers - 1) / 2, rel=1e-6)
    assert block.accounts.staleness.mean()[2] == pytest.approx(beta * (layers - 1) / (2 * layers), rel=1e-6)
    assert waits == pytest.approx([beta * m / layers for m in range(layers)], abs=1e-6)
    assert layerwise.accounts.staleness.mean()[2] == 0


def test_a_longer_queue_makes_staler_gradients() -> None:
    """If the backward workers are too slow, each place in the queue makes a gradient one update older."""
    price = Price.uniform(10, 1.0, 3.0)
    stale = [epoch("async_lu", price, queue=queue)[1].accounts.staleness.mean()[0] for queue in (0, 1, 8)]
    assert stale[0] < stale[1] < stale[2]
    assert stale[2] - stale[1] == pytest.approx(7, rel=0.05)  # short of 7 by the ends of the epoch


# ---- the rivals


def test_ddp_overlaps_communication_with_the_backward_pass() -> None:
    """Layers are reduced during the backward pass: a step takes less than the sum of its parts."""
    price = Price([1.0] * 4, [1.0] * 4, [1.0] * 4, [1.0] * 4, bytes_per_second=1.0)
    executor, team = epoch("ddp", price, steps=30, devices=3)
    rounds, reduce = team.steps_per_epoch // 3, price.all_reduce([0], range(3))
    assert reduce == pytest.approx(4 / 3)
    # The first layer's gradient comes last, and is all that is left to reduce after the backward pass.
    assert executor.now / rounds == pytest.approx(12 + reduce, rel=1e-9)
    assert executor.now / rounds < 12 + 4 * reduce


def test_ddp_waits_for_a_slow_link() -> None:
    """If reducing takes longer than computing, a step takes the first gradient's computation and all reductions."""
    price = Price([1.0] * 4, [1.0] * 4, [1.0] * 4, [1.0] * 4, bytes_per_second=0.25)
    executor, team = epoch("ddp", price, steps=30, devices=3)
    assert executor.now / (team.steps_per_epoch // 3) == pytest.approx(4 + 2 + 4 * price.all_reduce([0], range(3)))


# ---- the cards of paper A


@pytest.mark.parametrize("network", ["resnet18", "resnet50"])
def test_block_updates_make_shorter_epochs_on_paper_as_card(network: str) -> None:
    """A block update pays for one launch; the published rows show the same."""
    card = cards.load("paper-a")
    assert seconds_per_epoch(card, card.networks[network], "async_bu") < seconds_per_epoch(
        card, card.networks[network], "async_lu"
    )
