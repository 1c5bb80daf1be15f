"""Chooses the memory layout of images and of the weights of convolutions."""

from __future__ import annotations

import torch


def memory_format(device: torch.device) -> torch.memory_format:
    """Returns channels last on a CPU, where ResNets train 1.1 to 1.5 times as fast (docs/measurements).

    Elsewhere torch's default, until it is measured. Only strides change, no shape; sums are added in another order.
    """
    return torch.channels_last if device.type == "cpu" else torch.contiguous_format
