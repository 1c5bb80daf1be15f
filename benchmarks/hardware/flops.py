"""What one batch asks of each layer of a network, counted by torch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.hardware.card import LayerWork


def layer_work(
    network: Mapping[str, nn.Module], shape: tuple[int, ...], dtype: torch.dtype = torch.float32
) -> list[LayerWork]:
    """FLOPs and bytes of every layer, in forward order, counted on the meta device: nothing is computed or changed.

    shape, dtype: of a batch of inputs, (B, channels, height, width) or (B, words).
    """
    layers, x = [], torch.empty(shape, dtype=dtype, device="meta")
    for name, module in network.items():
        size = sum(p.numel() * p.element_size() for p in module.parameters())
        states = {key: torch.empty_like(value, device="meta") for key, value in module.state_dict().items()}
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            x = torch.func.functional_call(module, states, (x,))
        layers.append(LayerWork(name, float(counter.get_total_flops()), float(size)))
    return layers


def step_flops(layers: list[LayerWork]) -> float:
    """Model FLOPs of one step: forward pass, gradients of all weights, and of all layers' inputs but the first's."""
    return 3 * sum(layer.forward_flops for layer in layers) - layers[0].forward_flops
