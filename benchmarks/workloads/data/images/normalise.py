"""Bytes of images as the numbers that a network takes."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.memory_format import memory_format


class Normaliser:
    """Converts bytes (B, C, H, W) to float32, (x / 255 - mean) / std per channel, by one product and one sum."""

    def __init__(self, card: DataCard, device: torch.device) -> None:
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in (card.mean, card.std))
        self._scale = (1 / (255 * std)).float().view(-1, 1, 1).to(device)
        self._format = memory_format(device)
        self._shift = (-mean / std).float().view(-1, 1, 1).to(device)

    def __call__(self, images: Tensor) -> Tensor:
        return images.to(torch.float32, memory_format=self._format).mul_(self._scale).add_(self._shift)
