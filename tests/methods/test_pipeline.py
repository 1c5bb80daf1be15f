"""FDG and DDG: the loops that a pipeline equals, how stale its gradients are, and what it gains."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import methods
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.price import Price
from methods.pipeline import Pipeline
from tests.conformance.small import EPOCHS, Small, network
from tests.executors.clocks import Watched
from tests.methods.test_degenerate import LAYERS, same, small, trained
from tests.methods.test_degenerate import sgd as sgd  # the fixture

LOCKINGS = ("none", "forward")
PRICE = Price.uniform(LAYERS, 1.0, 2.0)


@pytest.mark.parametrize(
    ("executor", "locking", "weights"), [("virtual", "none", "forward"), ("threads", "forward", "current")]
)
def test_one_stage_is_plain_sgd(sgd: list[Tensor], executor: str, locking: str, weights: str) -> None:
    assert same(trained("pipeline", executor=executor, stages=1, locking=locking, weights=weights), sgd)


@pytest.mark.parametrize(("stages", "locking"), [(2, "forward"), (3, "none"), (4, "forward")])
def test_threads_have_the_clocks_bits(sgd: list[Tensor], stages: int, locking: str) -> None:
    """Stages share no layer, and each has a fixed order."""
    simulated = trained("pipeline", stages=stages, locking=locking)
    assert same(trained("pipeline", executor="threads", stages=stages, locking=locking), simulated)
    assert not same(simulated, sgd)


def test_in_two_stages_fdg_and_ddg_are_the_same_numbers() -> None:
    fdg, ddg = (small("pipeline", PRICE, cut="parameters", locking=locking) for locking in ("none", "forward"))
    losses = [[metrics["train_loss"] for metrics in training.train()] for training in (fdg, ddg)]
    assert losses[0] == losses[1]
    assert ddg.executor.now is not None
    assert fdg.executor.now is not None
    assert ddg.executor.now > fdg.executor.now
    assert not same(trained("pipeline", stages=3), trained("pipeline", stages=3, locking="forward"))


def by_hand() -> list[Tensor]:
    """Trains FDG in two stages with pinned weights, by the loop of its authors' code, which copies the module."""
    like = Small("pipeline")
    layers = network(like.seed)
    cut = [layer.name for layer in Pipeline().stages(like.team)[0].layers]
    first = nn.Sequential(*(module for name, module in layers.items() if name in cut)).train()
    last = nn.Sequential(*(module for name, module in layers.items() if name not in cut)).train()
    chosen, schedule = like.work.optimizer, like.work.schedule
    lr, momentum, decay = schedule.lr, chosen.momentum, chosen.weight_decay
    steps = [
        torch.optim.SGD(stage.parameters(), lr=lr, momentum=momentum, weight_decay=decay, fused=True)
        for stage in (first, last)
    ]
    for epoch in range(EPOCHS):
        for optimizer in steps:
            optimizer.param_groups[0]["lr"] = schedule(epoch)
        ahead = deque[tuple[dict[str, Tensor], Tensor, Tensor]]()
        for index in range(like.batches.steps()):
            if len(ahead) == 2:
                update(first, steps[0], *ahead.popleft())
            images, labels = like.batches.batch(epoch, index)
            stashed = {name: p.detach().clone().requires_grad_() for name, p in first.named_parameters()}
            output = torch.func.functional_call(first, stashed, (images,))
            received = output.detach().requires_grad_()
            steps[1].zero_grad()
            nn.functional.cross_entropy(last(received), labels).backward()  # type: ignore[no-untyped-call]
            steps[1].step()
            assert received.grad is not None
            ahead.append((stashed, output, received.grad))
        while ahead:
            update(first, steps[0], *ahead.popleft())
    return [t.detach().clone() for stage in (first, last) for t in stage.state_dict().values()]


def update(
    stage: nn.Module, optimizer: torch.optim.Optimizer, stashed: dict[str, Tensor], output: Tensor, upstream: Tensor
) -> None:
    output.backward(upstream)  # type: ignore[no-untyped-call]
    for name, parameter in stage.named_parameters():
        parameter.grad = stashed[name].grad
    optimizer.step()


def test_it_is_the_authors_loop() -> None:
    for actual, expected in zip(trained("pipeline", weights="forward"), by_hand(), strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-6)


def run(price: Price, *, steps: int = 60, **options: Any) -> tuple[VirtualExecutor, SimulatedTeam]:
    team = SimulatedTeam.of([(f"layer{i}", 1) for i in range(LAYERS)], steps_per_epoch=steps)
    executor = Watched(team, price)
    executor.run(methods.create("pipeline", options).workers(team))
    return executor, team


@pytest.mark.parametrize("stages", [2, 4])
@pytest.mark.parametrize("locking", LOCKINGS)
def test_how_stale_a_stages_gradients_are(stages: int, locking: str) -> None:
    """Batch b of stage k, from 0: min(b, 2 (K - 1 - k) - 1) updates for FDG, min(b, K - 1 - k) for DDG."""
    _, team = run(PRICE, stages=stages, locking=locking)
    behind = [stages - 1 - layer * stages // LAYERS for layer in range(LAYERS)]
    most = [max(0, 2 * away - 1) if locking == "none" else away for away in behind]
    assert team.accounts.staleness.updates == [sum(min(b, m) for b in range(60)) for m in most]


@pytest.mark.parametrize("stages", [1, 2, 4])
def test_seconds_a_batch(stages: int) -> None:
    """K equal stages, free links: (f + b) / K for FDG; f + b / K for DDG with its sequential forward passes."""
    steps = 400
    fdg, ddg = (run(PRICE, steps=steps, stages=stages, locking=locking)[0].now / steps for locking in LOCKINGS)
    assert fdg == pytest.approx(3.0 / stages, rel=0.02)
    assert ddg == pytest.approx(1.0 + 2.0 / stages, rel=0.02)


def test_more_stages_than_layers() -> None:
    with pytest.raises(methods.MethodError, match=r"pipeline\.stages"):
        methods.create("pipeline", {"stages": 5}).check_layers(4)
