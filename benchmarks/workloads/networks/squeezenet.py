"""SqueezeNet (Iandola et al., arXiv:1602.07360), its version 1.1."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from benchmarks.workloads.networks.parts import Layers, Plan, strides

# width: the first squeeze; blocks: fire modules between two poolings
NETWORKS = {"squeezenet": {"title": "SqueezeNet", "width": 16, "blocks": (2, 2, 4)}}

_SQUEEZE = ((1, 1), (2, 2), (3, 3, 4, 4))  # squeezed channels of each stage's blocks, in `width`


class Fire(nn.Module):
    """A squeeze to `squeezed` channels, then 1 x 1 and 3 x 3 convolutions side by side (figure 1 there).

    (B, inplanes, H, W) -> (B, 2 expanded, H, W); torchvision's, parameter for parameter.
    """

    def __init__(self, inplanes: int, squeezed: int, expanded: int, wrap: Callable[[nn.Conv2d], nn.Module]) -> None:
        super().__init__()
        self.squeeze = wrap(nn.Conv2d(inplanes, squeezed, 1))
        self.expand1x1 = wrap(nn.Conv2d(squeezed, expanded, 1))
        self.expand3x3 = wrap(nn.Conv2d(squeezed, expanded, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        x = relu(self.squeeze(x), inplace=True)
        return torch.cat([relu(self.expand1x1(x), inplace=True), relu(self.expand3x3(x), inplace=True)], 1)


def squeezenet(plan: Plan) -> Layers:
    """Builds SqueezeNet: (B, channels, H, W) -> (B, classes).

    At width 16 with the ImageNet stem it is torchvision's squeezenet1_1 without dropout, initialised as there.

    Ours: with the CIFAR stem the first convolution keeps the 32 x 32 pixels (stride 1, padding 1), the three poolings
    leave 16, 8 and 4 pixels a side, every convolution but the last is followed by BatchNorm, and the last by no ReLU:
    without these, SGD at paper B's rates ends with all logits at 0. No dropout: its generator is shared by all threads.
    """
    small, channels = plan.stem == "cifar", 4 * plan.width
    wrap: Callable[[nn.Conv2d], nn.Module] = _normed if small else lambda convolution: convolution
    convolution = nn.Conv2d(plan.channels, channels, 3, *((1, 1) if small else (2, 0)))
    layers: Layers = {"stem": nn.Sequential(wrap(convolution), nn.ReLU(True), _pool())}
    for stage, i, stride in strides(plan.blocks):
        squeezed = plan.width * _SQUEEZE[stage][min(i, len(_SQUEEZE[stage]) - 1)]
        fire = Fire(channels, squeezed, 4 * squeezed, wrap)
        layers[f"stage{stage + 1}.{i}"] = nn.Sequential(_pool(), fire) if stride > 1 else fire
        channels = 8 * squeezed
    last = nn.Conv2d(channels, plan.classes, 1)
    layers["head"] = nn.Sequential(
        last, nn.Identity() if small else nn.ReLU(True), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    for module in (module for layer in layers.values() for module in layer.modules()):
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_uniform_(module.weight)
            nn.init.zeros_(cast(Tensor, module.bias))
    nn.init.normal_(last.weight, std=0.01)
    return layers


def _normed(convolution: nn.Conv2d) -> nn.Module:
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels))


def _pool() -> nn.Module:
    return nn.MaxPool2d(3, 2, ceil_mode=True)
