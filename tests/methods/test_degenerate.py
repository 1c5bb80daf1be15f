"""In its degenerate case every method is plain SGD, bit for bit; methods that differ only in name are equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import methods
from benchmarks.executors import registry as executors
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.price import Price
from benchmarks.workloads.data.transfer import memory_format
from methods import Program, Replica, Update, backward
from methods.async_lu import Decoupled
from tests.conformance.small import EPOCHS, SETTINGS, Small, network

LAYERS = 4
CLIP = 0.1
FREE_BACKWARD = Price.uniform(LAYERS, 1.0, 0.0)


def small(method: str, price: Price | None = None, *, executor: str = "virtual", **options: Any) -> Small:
    training = Small(method, options, executor=executor)
    if price is not None:
        training.executor = VirtualExecutor(training.team, price)
    return training


def trained(method: str, price: Price | None = None, *, executor: str = "virtual", **options: Any) -> list[Tensor]:
    """Returns parameters and running statistics after three epochs."""
    training = small(method, price, executor=executor, **options)
    training.train()
    return lasting(training)


def lasting(training: Small) -> list[Tensor]:
    layers = [layer for replica in training.team.replicas for layer in replica.layers]
    return [t.detach().clone() for layer in layers for t in layer.module.state_dict().values()]


def same(a: Sequence[Tensor], b: Sequence[Tensor]) -> bool:
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def plain_sgd(clip: float | None = None, delay: int = 0) -> list[Tensor]:
    """Trains by the usual loop: one network, one optimizer. delay: steps that a gradient waits."""
    like = Small("bp")
    model = nn.Sequential(*network(like.seed).values()).train()
    # As in training: a norm adds up in the order of memory, which decides its last bit.
    model.to(memory_format=memory_format(torch.device("cpu")))
    chosen, schedule = like.work.optimizer, like.work.schedule
    optimizer = torch.optim.SGD(
        model.parameters(), lr=schedule.lr, momentum=chosen.momentum, weight_decay=chosen.weight_decay, fused=True
    )
    waiting: list[list[Tensor | None]] = []

    def step(gradients: list[Tensor | None]) -> None:
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()

    for epoch in range(EPOCHS):
        for index in range(like.batches.steps()):
            images, labels = like.batches.batch(epoch, index)
            for group in optimizer.param_groups:
                group["lr"] = schedule(epoch)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()  # type: ignore[no-untyped-call]
            if clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            waiting.append([p.grad for p in model.parameters()])
            if len(waiting) > delay:
                step(waiting.pop(0))
        while waiting:
            step(waiting.pop(0))
    return [t.detach().clone() for t in model.state_dict().values()]


@pytest.fixture(scope="module")
def sgd() -> list[Tensor]:
    return plain_sgd()


@pytest.mark.parametrize("executor", executors.in_one_process())
def test_backpropagation_is_plain_sgd(sgd: list[Tensor], executor: str) -> None:
    assert same(trained("bp", executor=executor), sgd)


def test_with_a_delay_it_is_sgd_by_gradients_of_so_many_steps_before(sgd: list[Tensor]) -> None:
    late = trained("bp", delay=2)
    assert same(late, plain_sgd(delay=2))
    assert not same(late, sgd)


@pytest.mark.parametrize("method", ["async_lu", "async_bu"])
@pytest.mark.parametrize(("workers", "weights"), [(1, "current"), (2, "forward")])
def test_async_with_free_backward_is_plain_sgd(sgd: list[Tensor], method: str, workers: int, weights: str) -> None:
    """A batch's gradients are applied before the forward worker takes the next batch."""
    assert same(trained(method, FREE_BACKWARD, backward_workers=workers, weights=weights), sgd)


@pytest.mark.parametrize("method", ["bp", "ddp", "async_bu", "lapsgd"])
def test_clipped_by_the_norm_of_all_layers_it_is_plain_sgd_so_clipped(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compares all bits with a loop that clips by torch.nn.utils.clip_grad_norm_."""
    monkeypatch.setitem(SETTINGS, "optimizer.clip", CLIP)
    monkeypatch.setitem(SETTINGS, "optimizer.clip_by", "all")
    options: dict[str, Any] = {"ddp": {"devices": 1}, "lapsgd": {"devices": 1}, "async_bu": {"backward_workers": 1}}
    assert same(trained(method, FREE_BACKWARD, **options.get(method, {})), plain_sgd(CLIP))


def test_clipped_layer_by_layer_async_lu_with_free_backward_is_bp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "optimizer.clip", CLIP)
    clipped = trained("bp")
    assert same(trained("async_lu", FREE_BACKWARD, backward_workers=1), clipped)
    assert not same(clipped, plain_sgd(CLIP))


@pytest.mark.parametrize("method", ["async_lu", "async_bu"])
def test_async_with_a_backward_pass_that_takes_time_is_not(sgd: list[Tensor], method: str) -> None:
    """Shows that the tests above can fail."""
    assert not same(trained(method, Price.uniform(LAYERS, 1.0, 2.0)), sgd)


@pytest.mark.parametrize("executor", executors.in_one_process())
def test_ddp_on_one_device_is_plain_sgd(sgd: list[Tensor], executor: str) -> None:
    assert same(trained("ddp", executor=executor, devices=1), sgd)


@pytest.mark.parametrize("method", ["lapsgd", "lppsgd"])
@pytest.mark.parametrize(("period", "weights"), [(1, "current"), (3, "forward")])
def test_lap_on_one_device_with_one_updater_is_plain_sgd(
    sgd: list[Tensor], method: str, period: int, weights: str
) -> None:
    """An average over one device changes nothing."""
    assert same(trained(method, devices=1, updaters=1, period=period, weights=weights), sgd)


def test_lpp_with_two_updaters_is_not_lap() -> None:
    """The two differ only after the stabilising epochs."""
    options: dict[str, Any] = {"devices": 2, "updaters": 2}
    assert not same(trained("lppsgd", stabilising=0.3, **options), trained("lapsgd", **options))
    assert same(trained("lppsgd", stabilising=1.0, **options), trained("lapsgd", **options))


# ---- Async BU is Async LU with deferred updates


class Deferred(Decoupled):
    """Async LU that applies its updates one by one, after the backward pass."""

    def backward(self, replica: Replica, losses: methods.Channel) -> Program:
        while (step := (yield methods.Get(losses))) is not None:
            for gradient in (yield from backward(replica, step)):
                yield Update(gradient)


@pytest.mark.parametrize(("workers", "queue"), [(1, 0), (3, 2)])
def test_async_bu_is_async_lu_with_deferred_updates(workers: int, queue: int) -> None:
    price = Price.uniform(LAYERS, 1.0, 2.0)
    deferred = small("async_lu", price, backward_workers=workers, queue=queue)
    deferred.method = Deferred(deferred.method.options)
    deferred.train()
    assert same(lasting(deferred), trained("async_bu", price, backward_workers=workers, queue=queue))


def test_async_bu_is_async_lu_where_the_last_layers_gradient_takes_all_the_time() -> None:
    """Then no gradient waits for others. If the time is spread over the layers, the two differ."""
    spread, head = Price.uniform(LAYERS, 1.0, 2.0), [0.0] * (LAYERS - 1) + [1.0]
    at_once = replace(spread, backward_inputs=head, backward_weights=head)
    assert same(trained("async_lu", at_once), trained("async_bu", at_once))
    assert not same(trained("async_lu", spread), trained("async_bu", spread))


# ---- averages


def test_ddp_keeps_its_replicas_alike() -> None:
    """All replicas apply the same mean gradient, so that they are equal bit for bit."""
    training = small("ddp", devices=3)
    training.train()
    per_replica = [[p for layer in r.layers for p in layer.params] for r in training.team.replicas]
    assert same(per_replica[0], per_replica[1])
    assert same(per_replica[0], per_replica[2])


def test_lap_averages_at_the_end_of_an_epoch() -> None:
    """Nothing is updated after the last average: on equal devices the replicas agree up to rounding."""
    training = small("lapsgd", period=16, switch=0.0)
    training.epoch(0)
    a, b, c = (
        torch.cat([p.detach().flatten() for layer in r.layers for p in layer.params]) for r in training.team.replicas
    )
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(a, c, rtol=1e-5, atol=1e-6)
