"""CPU instructions of a run's kernels: all that its CPU has, or those that every x86-64 CPU with AVX2 has."""

from __future__ import annotations

import os
from typing import Literal

from benchmarks.errors import UserError

Instructions = Literal["native", "portable"]

PORTABLE = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "COMPATIBLE"}
"""Variables that hold torch's own kernels, oneDNN and MKL to them. Each library reads its own at its first use."""


def check(instructions: Instructions) -> None:
    """Raises UserError where this process computes by other instructions than a run is to."""
    import torch

    if instructions == "native":
        return
    started_so = all(os.environ.get(name) == value for name, value in PORTABLE.items())
    if started_so and torch.backends.cpu.get_cpu_capability() == "AVX2":
        return
    variables = " ".join(f"{name}={value}" for name, value in PORTABLE.items())
    raise UserError(
        "workload.instructions=portable needs an x86-64 CPU with AVX2, and a process that began with "
        f"{variables}; leave it out, or set them."
    )
