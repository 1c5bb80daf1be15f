"""Gradients clipped as by torch.nn.utils.clip_grad_norm_: layer by layer, or by the norm of all layers."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

import methods
from benchmarks.errors import UserError
from benchmarks.executors.numerics.layer import Clip
from benchmarks.runner import plan
from benchmarks.workloads.workload import workload
from tests.conformance.small import SETTINGS, Small, bits
from tests.executors.recorded import record, replay
from tests.executors.teams import RATE, backward, forward, network, team_of, weight

NORM = 0.01  # below that of either layer


def stepped(*, together: bool) -> list[Tensor]:
    """Returns the weights after torch's clipping and a step of torch's SGD."""
    team, modules = team_of(), list(network().values())
    params = [p for module in modules for p in module.parameters()]
    for p, gradient in zip(params, reversed(backward(team, forward(team))), strict=True):
        p.grad = gradient.tensors[0]
    for some in [params] if together else [[p] for p in params]:
        nn.utils.clip_grad_norm_(some, NORM)
    torch.optim.SGD(params, lr=RATE, fused=True).step()
    return [p.detach() for p in params]


@pytest.mark.parametrize("together", [False, True])
def test_it_is_torchs_to_the_bit(together: bool) -> None:
    team = team_of(clip=Clip(NORM, all=together))
    gradients = backward(team, forward(team))
    before = [gradient.tensors[0].clone() for gradient in gradients]
    team.update(gradients, "w", 0.0)
    for layer, expected in enumerate(stepped(together=together)):
        assert torch.equal(weight(team, layer), expected)
    assert all(torch.equal(g.tensors[0], b) for g, b in zip(gradients, before, strict=True)), "others may apply them"


@pytest.mark.parametrize("together", [False, True])
def test_a_norm_that_no_gradient_has_changes_no_bit(together: bool) -> None:
    plain, clipped = team_of(), team_of(clip=Clip(1e6, all=together))
    for team in (plain, clipped):
        team.update(backward(team, forward(team)), "w", 0.0)
    assert all(torch.equal(weight(plain, i), weight(clipped, i)) for i in (0, 1))


def test_a_part_of_a_gradient_is_not_clipped_by_the_norm_of_all() -> None:
    team = team_of(clip=Clip(NORM, all=True))
    last, _ = backward(team, forward(team))
    with pytest.raises(ValueError, match="not one of each layer"):
        team.update([last], "w", 0.0)


@pytest.mark.parametrize("by", ["layer", "all"])
def test_a_replay_clips_alike(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "optimizer.clip", 0.1)
    monkeypatch.setitem(SETTINGS, "optimizer.clip_by", by)
    parts, outcome = record("async_bu")
    assert replay("async_bu", parts) == outcome


@pytest.mark.parametrize("method", methods.names())
def test_the_norm_of_all_layers_is_refused_where_nobody_knows_it(method: str) -> None:
    """Refused before any training; the other methods train."""
    settings = {"optimizer.clip": 0.1, "optimizer.clip_by": "all"}
    if methods.create(method).updates_whole_gradients:
        clipped, plain = Small(method, settings=settings), Small(method)
        for training in (clipped, plain):
            training.train(1)
        assert bits(clipped.team) != bits(plain.team)
        return
    work = workload("cifar10", "resnet18", "smoke", settings)
    with pytest.raises(UserError, match=re.escape(f"clip_by=all: {method} updates a part")):
        plan.alone(work, methods.create(method))
