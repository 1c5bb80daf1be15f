"""Copies tensors to a device. On CUDA the host's memory is pinned, and the host does not wait for the copy."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def host_buffer(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Returns uninitialised host memory for one batch that goes to the device; use it once.

    It is pinned for CUDA: torch hands it out again only when the copies from it are done.
    """
    return torch.empty(tuple(shape), dtype=dtype, pin_memory=device.type == "cuda")


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Copies a tensor from the host to the device; on CUDA asynchronously, on the current stream."""
    if device.type != "cuda":
        return tensor.to(device)
    pinned = tensor if tensor.is_pinned() else tensor.pin_memory()
    return pinned.to(device, non_blocking=True)
