"""One layer's backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

_engine: Any = torch.autograd.Variable._execution_engine


def gradients(output: Tensor, inputs: Sequence[Tensor], upstream: Tensor | None) -> tuple[Tensor, ...]:
    """The gradients of inputs for that of the output: torch.autograd.grad's, and its graph is used up as well.

    Without torch's own look at the shapes, which imports the algebra of its compiler: a third of the time in which a
    training process starts, and a tenth of a narrow layer's backward pass. The engine still refuses a wrong shape.
    """
    found: tuple[Tensor, ...] = _engine.run_backward(
        (output,), (upstream,), False, False, tuple(inputs), False, accumulate_grad=False
    )
    return found
