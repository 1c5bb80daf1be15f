"""The optimizers: torch.optim's, and LARS.

A layer has an optimizer of its own, and torch's step costs more than the arithmetic of a narrow layer: it opens a
record of the profiler and asks the compiler twice. What torch wraps around its functions is left out here; so is the
compiler itself, whose import takes longer than torch's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

Name = Literal["sgd", "adam", "adamw", "nadam", "muon", "lars"]


def build(
    name: Name,
    params: Sequence[Tensor],
    *,
    lr: float,
    momentum: float = 0.0,
    beta2: float = 0.999,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    decay_bn: bool = True,
    lars_trust: float = 0.001,
) -> torch.optim.Optimizer:
    """Returns the optimizer of one layer's parameters. Raises ValueError for an unknown name.

    momentum: beta 1 of Adam, AdamW and NAdam; Muon's, and that of the AdamW beside it. beta2: of all but SGD and LARS.
    nesterov: of SGD, LARS and Muon. Parameters marked `no_decay = True` get no weight decay; with decay_bn=False nor do
    1-D ones, BatchNorm's and biases (Lin et al., arXiv:1808.07217).
    """
    groups, betas = _groups(params, weight_decay, decay_bn), (momentum, beta2)
    match name:
        case "sgd":
            return SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov, fused=True)
        case "adam":
            return Adam(groups, lr=lr, betas=betas, fused=True)
        case "adamw":
            return Adam(groups, lr=lr, betas=betas, fused=True, decoupled_weight_decay=True)
        case "nadam":
            return NAdam(groups, lr=lr, betas=betas, decoupled_weight_decay=True)
        case "muon":
            return MuonAndAdamW(groups, lr=lr, betas=betas, nesterov=nesterov)
        case "lars":
            return LARS(groups, lr=lr, momentum=momentum, nesterov=nesterov, trust=lars_trust)
    raise ValueError(f"there is no optimizer named {name!r}: use sgd, adam, adamw, nadam, muon or lars")


def _groups(params: Sequence[Tensor], weight_decay: float, decay_bn: bool) -> list[dict[str, Any]]:
    """Returns parameter groups: those with weight decay and those without, empty ones left out."""
    without = [getattr(p, "no_decay", False) or not (decay_bn or p.ndim > 1) for p in params]
    if not weight_decay or not any(without):
        return [{"params": list(params), "weight_decay": weight_decay}]
    kinds = (False, weight_decay), (True, 0.0)
    groups = [([p for p, is_without in zip(params, without, strict=True) if is_without is k], d) for k, d in kinds]
    return [{"params": some, "weight_decay": decay} for some, decay in groups if some]


def mark_matrices(modules: Sequence[nn.Module]) -> None:
    """Marks the parameters that Muon optimizes: matrices of all layers but the first and the last."""
    for p in (p for module in modules[1:-1] for p in module.parameters() if p.ndim == 2):
        vars(p)["muon"] = True


class _UnhookedOptimizer(torch.optim.Optimizer):
    """An optimizer without torch's profiler hooks and compiler checks, which cost more than a narrow layer's step."""

    def __init_subclass__(cls) -> None:
        cls.step.hooked = True  # type: ignore[attr-defined]  # or torch would hook its profiler into it

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a parameter group, as torch.optim does."""
        inspect.unwrap(torch.optim.Optimizer.add_param_group)(self, param_group)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Takes a step of the torch optimizer that comes next in the bases; closure is ignored."""
        inspect.unwrap(super().step)(self)


class SGD(_UnhookedOptimizer, torch.optim.SGD):
    """torch.optim.SGD, fused, bit for bit."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Takes a step with the gradients that are set; closure is ignored."""
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                torch._fused_sgd_(
                    params,
                    [p.grad for p in params if p.grad is not None],
                    [self._buffer(p) for p in params] if group["momentum"] else [],
                    weight_decay=group["weight_decay"],
                    momentum=group["momentum"],
                    lr=group["lr"],
                    dampening=group["dampening"],
                    nesterov=group["nesterov"],
                    maximize=group["maximize"],
                    is_first_step=False,
                )

    def _buffer(self, p: Tensor) -> Tensor:
        """Returns the parameter's momentum buffer; starting at zeros makes the first step torch's.

        setdefault: workers without a lock get the same buffer.
        """
        buffer: Tensor | None = self.state[p].get("momentum_buffer")
        return self.state[p].setdefault("momentum_buffer", torch.zeros_like(p)) if buffer is None else buffer


class Adam(_UnhookedOptimizer, torch.optim.Adam):
    """torch.optim.Adam, fused, bit for bit."""


class NAdam(_UnhookedOptimizer, torch.optim.NAdam):
    """torch.optim.NAdam, bit for bit; torch has no fused one."""


class _Muon(_UnhookedOptimizer, torch.optim.Muon):
    """torch.optim.Muon, bit for bit."""


class MuonAndAdamW(_UnhookedOptimizer):
    """torch.optim.Muon for the matrices that `mark_matrices` has marked, AdamW for all else, bit for bit.

    AdamW takes embeddings, the head, biases, norms and convolutions, which torch's Muon refuses. Both have one rate and
    one weight decay, as Muon's steps are scaled to the size of AdamW's (`match_rms_adamw`). Sources: Jordan et al.,
    https://kellerjordan.github.io/posts/muon; Liu et al. (arXiv:2502.16982), section 2.2.
    """

    def __init__(
        self, groups: Iterable[dict[str, Any]], *, lr: float, betas: tuple[float, float], nesterov: bool
    ) -> None:
        matrices, other_groups = (_select_groups(groups, marked=marked) for marked in (True, False))
        scaled: Any = {"momentum": betas[0], "nesterov": nesterov, "adjust_lr_fn": "match_rms_adamw"}
        self.parts: list[torch.optim.Optimizer] = []
        if matrices:
            self.parts.append(_Muon(matrices, lr=lr, **scaled))
        if other_groups:
            self.parts.append(Adam(other_groups, lr=lr, betas=betas, fused=True, decoupled_weight_decay=True))
        super().__init__([group for part in self.parts for group in part.param_groups], {})
        for part in self.parts:
            part.state = self.state

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Takes a step with the gradients that are set; closure is ignored."""
        for part in self.parts:
            part.step()


def _select_groups(groups: Iterable[dict[str, Any]], *, marked: bool) -> list[dict[str, Any]]:
    """Returns the groups with only those parameters that are marked for Muon, or are not; empty ones left out."""
    selected = [
        {**group, "params": [p for p in group["params"] if getattr(p, "muon", False) is marked]} for group in groups
    ]
    return [group for group in selected if group["params"]]


class LARS(_UnhookedOptimizer):
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
        """Takes a step with the gradients that are set; closure is ignored."""
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
