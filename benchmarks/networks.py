"""The networks, as lists of layers: the parts that are updated as a unit.

ResNet-18 and -50 (He et al., arXiv:1512.03385) are built from torchvision's own blocks, cut at the residual blocks.
At width 64, with the ImageNet stem, they are torchvision's resnet18 and resnet50, parameter for parameter.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, conv1x1

BLOCKS: dict[str, tuple[type[BasicBlock | Bottleneck], tuple[int, ...]]] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
}


def stem(kind: str, channels: int, width: int) -> nn.Module:
    """cifar: 3 x 3, stride 1, no pooling (He et al., section 4.2). imagenet: 7 x 7, stride 2, and max-pooling."""
    if kind == "cifar":
        return nn.Sequential(nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True))
    return nn.Sequential(
        nn.Conv2d(channels, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(True), nn.MaxPool2d(3, 2, 1)
    )


def resnet(
    network: str,
    *,
    classes: int,
    channels: int = 3,
    width: int = 64,
    blocks: Sequence[int] | None = None,
    stem_kind: str = "cifar",
    seed: int = 0,
) -> dict[str, nn.Module]:
    """Layer name -> module, in forward order: stem, stage1.0, ..., stage4.1, head. (B, C, H, W) -> (B, classes).

    Initialised as torchvision does (Kaiming normal, fan out) from the seed, leaving torch's global generator alone.
    """
    block, published = BLOCKS[network]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: dict[str, nn.Module] = {"stem": stem(stem_kind, channels, width)}
        inplanes = width
        for stage, count in enumerate(blocks or published):
            planes = width * 2**stage
            for i in range(count):
                stride = 2 if stage > 0 and i == 0 else 1
                layers[f"stage{stage + 1}.{i}"] = _residual(block, inplanes, planes, stride)
                inplanes = planes * block.expansion
        layers["head"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inplanes, classes))
        for layer in layers.values():
            _initialise(layer)
    return layers


def _residual(block: type[BasicBlock | Bottleneck], inplanes: int, planes: int, stride: int) -> nn.Module:
    out = planes * block.expansion
    downsample = None
    if stride != 1 or inplanes != out:
        downsample = nn.Sequential(conv1x1(inplanes, out, stride), nn.BatchNorm2d(out))
    made: nn.Module = block(inplanes, planes, stride, downsample)
    return made


def _initialise(layer: nn.Module) -> None:
    for module in layer.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def forward_all(layers: Sequence[nn.Module], x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x
