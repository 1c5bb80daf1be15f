"""A run's precision: torch's flags for the whole process, and the context of a forward pass."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import torch

from benchmarks.workloads.workload import Precision


def set_flags(precision: Precision) -> None:
    """Sets torch's flags of this process for a precision, and makes CUDA repeatable.

    TF32 is switched for matrix products and cuDNN alike; torch's own default has it on in cuDNN alone. Denormal numbers
    count as 0 in the calling thread: gradients that vanish over an LSTM's words make a CPU many times as slow.
    """
    torch.set_flush_denormal(True)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = False, True


def autocast(precision: Precision, device: torch.device) -> Callable[[], AbstractContextManager[object]] | None:
    """Returns what makes the context of one forward pass, which no two passes may share; None for full precision.

    Weights and updates stay float32. Casts of weights are not cached, since updates in place would make them stale.
    """
    if precision != "bf16":
        return None
    return partial(torch.autocast, device.type, dtype=torch.bfloat16, cache_enabled=False)
