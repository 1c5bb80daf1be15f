"""The arithmetic of codecs, layer by layer: the same bits every time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from benchmarks.executors.codecs import entries
from methods import effects as e


def decoded(codec: e.Codec, tensors: Sequence[Tensor]) -> list[Tensor]:
    """Returns the tensors of one layer as a receiver of the encoded ones has them."""
    if not tensors:
        return []
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    pieces = torch.split(_decoded(codec, flat), [tensor.numel() for tensor in tensors])
    return [torch.empty_like(t).copy_(piece.view(t.shape)) for t, piece in zip(tensors, pieces, strict=True)]


def _decoded(codec: e.Codec, flat: Tensor) -> Tensor:
    """Returns (n,) of (n,). What is not a number stays such, so that a run that diverges is seen to."""
    match codec.name:
        case "topk":
            return torch.where(_largest(flat.abs(), entries(codec, len(flat))), flat, 0.0)
        case "sign":
            scale = flat.abs().mean()
            return torch.where(flat < 0, -scale, scale)
    scale = flat.abs().max() / 127
    return torch.where(scale == 0, 0.0, (flat / scale).round() * scale)


def _largest(magnitudes: Tensor, count: int) -> Tensor:
    """Returns which of (n,) are the largest, so many; of equal ones those that come first."""
    magnitudes = magnitudes.nan_to_num(nan=torch.inf, posinf=torch.inf)
    least = torch.topk(magnitudes, count, sorted=False).values.min()
    above, equal = magnitudes > least, magnitudes == least
    return above | (equal & (equal.cumsum(0) <= count - above.sum()))
