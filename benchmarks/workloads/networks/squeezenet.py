"""SqueezeNet (Iandola et al., arXiv:1602.07360), of torchvision's Fire modules: its version 1.1."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torchvision.models.squeezenet import Fire

from benchmarks.workloads.networks.parts import Layers, Plan, strides

_SQUEEZE = ((1, 1), (2, 2), (3, 3, 4, 4))  # squeezed channels of each stage's blocks, in `width`


def squeezenet(plan: Plan) -> Layers:
    """At width 16 with the ImageNet stem, torchvision's squeezenet1_1 but for its dropout, initialised as there.

    (B, channels, H, W) -> (B, classes).

    Ours: with the CIFAR stem the first convolution keeps the 32 x 32 pixels (stride 1, padding 1), the three poolings
    leave 16, 8 and 4 pixels a side, every convolution but the last is followed by BatchNorm, and the last by no ReLU:
    without these, SGD at paper B's rates ends with all logits at 0. No dropout: its generator is all threads' own.
    """
    small, channels = plan.stem == "cifar", 4 * plan.width
    convolution = nn.Conv2d(plan.channels, channels, 3, *((1, 1) if small else (2, 0)))
    layers: Layers = {"stem": nn.Sequential(_normed(convolution) if small else convolution, nn.ReLU(True), _pool())}
    for stage, i, stride in strides(plan.blocks):
        squeezed = plan.width * _SQUEEZE[stage][min(i, len(_SQUEEZE[stage]) - 1)]
        fire = Fire(channels, squeezed, 4 * squeezed, 4 * squeezed)
        if small:
            fire.squeeze = _normed(fire.squeeze)
            fire.expand1x1, fire.expand3x3 = _normed(fire.expand1x1), _normed(fire.expand3x3)
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
