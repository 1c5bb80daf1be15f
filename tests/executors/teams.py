"""Helpers for tests: a team of two linear layers whose gradients can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.executors.numerics.layer import TorchGradient, TorchLayer
from benchmarks.executors.numerics.replica import TorchStep
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.team import checked
from benchmarks.workloads.tasks import classification

RATE = 0.5
IMAGES = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
LABELS = torch.tensor([0, 1, 1, 0])


def network(seed: int = 0) -> dict[str, nn.Module]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return {"first": nn.Linear(3, 5, bias=False), "last": nn.Linear(5, 2, bias=False)}


def sgd(**settings: float) -> Callable[..., torch.optim.Optimizer]:
    return lambda params: torch.optim.SGD(params, lr=99.0, fused=True, **settings)  # type: ignore[arg-type]


def team_of(*networks: dict[str, nn.Module], optimizer: Any = None, steps: int = 6, **settings: Any) -> TorchTeam:
    team = TorchTeam(
        networks or [network()],
        optimizer=optimizer or sgd(),
        loss=settings.pop("loss", classification.loss),
        right=classification.right,
        learning_rate=settings.pop("learning_rate", lambda ticket: RATE),
        batches=lambda epoch, index: (IMAGES + index, LABELS),
        steps_per_epoch=steps,
        epochs=2,
        **settings,
    )
    team.begin_epoch(0)
    return team


def forward(team: TorchTeam, replica: int = 0, pin: bool = False) -> TorchStep:
    """Returns a step after its forward pass and loss. pin: with pinned weights."""
    step = checked(TorchStep, team.next_batch(team.replicas[replica]))
    for layer in team.replicas[replica].layers:
        if pin:
            team.snapshot(layer, step, 0.0)
        team.forward(layer, step, 0.0)
    team.loss(step)
    return step


def backward(team: TorchTeam, step: TorchStep) -> list[TorchGradient]:
    """Returns the gradients of a step's layers, the last layer first."""
    gradients = [team.backward(layer, step, weights=True, inputs=True) for layer in reversed(step.replica.layers)]
    return [gradient for gradient in gradients if gradient is not None]


def weight(team: TorchTeam, layer: int = 0, replica: int = 0) -> Tensor:
    live: TorchLayer = team.replicas[replica].layers[layer]
    return live.params[0].data


def by_hand(x: Tensor, first: Tensor, last: Tensor, last_now: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Returns the gradients of (first, last). last_now: the last layer's weights in the backward pass."""
    hidden = x @ first.T
    upstream = (torch.softmax(hidden @ last.T, 1) - nn.functional.one_hot(LABELS, 2)) / len(x)
    return (upstream @ (last if last_now is None else last_now)).T @ x, upstream.T @ hidden


class Summand(nn.Module):
    """A layer that adds its only weight, initially 1."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight


def summands(*gradients: float, steps: int, **settings: Any) -> TorchTeam:
    """Returns a team with one replica per number, which is the gradient of both its layers; SGD at rate 1."""
    team = TorchTeam(
        [{"first": Summand(), "last": Summand()} for _ in gradients],
        optimizer=settings.pop("optimizer", sgd()),
        loss=lambda outputs, slopes: (outputs * slopes).sum(),
        right=None,
        learning_rate=lambda ticket: 1.0,
        batches=lambda epoch, index: (torch.zeros(1), torch.tensor([gradients[index % len(gradients)]])),
        steps_per_epoch=steps * len(gradients),
        epochs=2,
        **settings,
    )
    team.begin_epoch(0)
    return team
