"""One layer's backward pass: torch.autograd.grad's, to the bit."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.executors.numerics.team import gradients


def passed() -> tuple[Tensor, list[Tensor], Tensor]:
    """A forward pass -> its output, what it hangs on, and a gradient of the output."""
    draw = torch.Generator().manual_seed(0)
    layer = nn.Linear(3, 2)
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.randn(p.shape, generator=draw))
    x = torch.randn(4, 3, generator=draw).requires_grad_()
    return layer(x).tanh(), [*layer.parameters(), x], torch.randn(4, 2, generator=draw)


def test_they_are_torchs() -> None:
    output, inputs, upstream = passed()
    found = gradients(output, inputs, upstream)
    output, inputs, upstream = passed()
    expected = torch.autograd.grad(output, inputs, upstream)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert all(p.grad is None for p in inputs)
