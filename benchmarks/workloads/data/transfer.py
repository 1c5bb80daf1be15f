"""Copies tensors to a device. On CUDA the host's memory is pinned, and the host does not wait for the copy."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def host_buffer(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Memory on the host, not filled, for one batch that goes to the device: to be used once.

    Pinned where that is CUDA: torch hands it out again only when the copies from it are done.
    """
    return torch.empty(tuple(shape), dtype=dtype, pin_memory=device.type == "cuda")


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor, on the host, as the device has it; on CUDA copied on the current stream, in that stream's order."""
    if device.type != "cuda":
        return tensor.to(device)
    pinned = tensor if tensor.is_pinned() else tensor.pin_memory()
    return pinned.to(device, non_blocking=True)
