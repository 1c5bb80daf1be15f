"""The optimizers of the papers: torch.optim's, and LARS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

Name = Literal["sgd", "adam", "lars"]


def build(
    name: Name,
    params: Sequence[Tensor],
    *,
    lr: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    decay_bn: bool = True,
    lars_trust: float = 0.001,
) -> torch.optim.Optimizer:
    """The optimizer of one layer's parameters. Raises ValueError for another name.

    momentum: of Adam, beta 1; its beta 2 is 0.999. decay_bn=False: no weight decay on 1-D parameters, that is
    BatchNorm's and biases (Lin et al., arXiv:1808.07217).
    """
    groups: Any = _groups(params, weight_decay, decay_bn)
    if name == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov, fused=True)
    if name == "adam":
        return torch.optim.Adam(groups, lr=lr, betas=(momentum, 0.999), fused=True)
    if name == "lars":
        return LARS(groups, lr=lr, momentum=momentum, nesterov=nesterov, trust=lars_trust)
    raise ValueError(f"there is no optimizer named {name!r}: use sgd, adam or lars")


def _groups(params: Sequence[Tensor], weight_decay: float, decay_bn: bool) -> list[dict[str, Any]]:
    if decay_bn or not weight_decay:
        return [{"params": list(params), "weight_decay": weight_decay}]
    kinds = ([p for p in params if p.ndim > 1], weight_decay), ([p for p in params if p.ndim <= 1], 0.0)
    return [{"params": some, "weight_decay": decay} for some, decay in kinds if some]


class LARS(torch.optim.Optimizer):
    """Layer-wise adaptive rate scaling: every tensor moves in proportion to its own norm.

    v <- m v + lr r (g + d w); w <- w - v, with r = trust |w| / (|g| + d |w|), m momentum and d weight decay.
    Source: You et al., arXiv:1708.03888, Algorithm 1; nesterov is not theirs. Where |w| or |g| is 0, r is 1: by the
    formula what starts at 0 would stay there.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: float,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        trust: float = 0.001,
    ) -> None:
        chosen = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "nesterov": nesterov}
        super().__init__(params, {**chosen, "trust": trust})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take a step with the gradients there are; closure is not used."""
        for group in self.param_groups:
            for w in group["params"]:
                if w.grad is not None:
                    self._move(w, group)

    def _move(self, w: Tensor, group: dict[str, Any]) -> None:
        assert w.grad is not None
        state, decay, momentum = self.state[w], group["weight_decay"], group["momentum"]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(w)
        change = w.grad.add(w, alpha=decay) * group["lr"]
        size, slope = torch.linalg.vector_norm(w), torch.linalg.vector_norm(w.grad)
        rate = group["trust"] * size / (slope + decay * size)
        change *= torch.where((size > 0) & (slope > 0), rate, 1.0)
        v = state["momentum_buffer"].mul_(momentum).add_(change)
        w -= change.add_(v, alpha=momentum) if group["nesterov"] else v
