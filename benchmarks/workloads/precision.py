"""Precision of a run: torch's flags for the whole process, and the context that a forward pass runs in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import torch

from benchmarks.workloads.workload import Precision


def set_flags(precision: Precision) -> None:
    """Tell torch, for this process, what runs in this precision may multiply in, and to repeat itself on CUDA.

    TF32 is on or off for products and for cuDNN alike: by torch's own default it is on in cuDNN alone. Denormal numbers
    count as 0 in the calling thread: gradients that vanish over an LSTM's words make a CPU many times as slow.
    """
    torch.set_flush_denormal(True)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = False, True


def autocast(precision: Precision, device: torch.device) -> Callable[[], AbstractContextManager[object]] | None:
    """Makes the context of one forward pass, which no two passes may share; None where there is nothing to enter.

    Weights and updates stay float32. No weight's cast is kept, since updates in place would leave it behind.
    """
    if precision != "bf16":
        return None
    return partial(torch.autocast, device.type, dtype=torch.bfloat16, cache_enabled=False)
