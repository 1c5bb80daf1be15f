"""ResNet-18 and -50 (He et al., arXiv:1512.03385), and ResNet-20, that of section 4.2 there.

The first two are cut at the residual blocks; at width 64, with the ImageNet stem, they are torchvision's resnet18 and
resnet50, parameter for parameter. torchvision itself is not imported: it brings torch's compiler with it, which takes a
process longer than torch does.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import pad, relu

from benchmarks.workloads.networks.parts import (
    Layers,
    Plan,
    conv1x1,
    conv3x3,
    kaiming,
    pooled,
    stages,
    stem,
)

NETWORKS = {
    "resnet18": {"title": "ResNet-18", "width": 64, "blocks": (2, 2, 2, 2)},
    "resnet50": {"title": "ResNet-50", "width": 64, "blocks": (3, 4, 6, 3)},
    "resnet20": {"title": "ResNet-20", "width": 16, "blocks": (3, 3, 3)},
}


def _downsample(inplanes: int, planes: int, stride: int) -> nn.Module | None:
    """The shortcut of a block that changes the shape (option B of section 3.3); None: the identity."""
    if stride == 1 and inplanes == planes:
        return None
    return nn.Sequential(conv1x1(inplanes, planes, stride), nn.BatchNorm2d(planes))


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions (figure 5, left): (B, inplanes, H, W) -> (B, planes, H / stride, W / stride)."""

    expansion = 1

    def __init__(self, inplanes: int, planes: int, stride: int) -> None:
        super().__init__()
        downsample = _downsample(inplanes, planes, stride)  # first, as in torchvision: weights are drawn in this order
        self.conv1, self.bn1 = conv3x3(inplanes, planes, stride), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = conv3x3(planes, planes), nn.BatchNorm2d(planes)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu_()))
        y += x if self.downsample is None else self.downsample(x)
        result: Tensor = y.relu_()
        return result


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions (figure 5, right), the stride at the second, as in torchvision.

    (B, inplanes, H, W) -> (B, 4 planes, H / stride, W / stride).
    """

    expansion = 4

    def __init__(self, inplanes: int, planes: int, stride: int) -> None:
        super().__init__()
        out = planes * self.expansion
        downsample = _downsample(inplanes, out, stride)
        self.conv1, self.bn1 = conv1x1(inplanes, planes), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = conv3x3(planes, planes, stride), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = conv1x1(planes, out), nn.BatchNorm2d(out)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu_())).relu_()
        y = self.bn3(self.conv3(y))
        y += x if self.downsample is None else self.downsample(x)
        result: Tensor = y.relu_()
        return result


def resnet18(plan: Plan) -> Layers:
    """Builds stem, four stages of basic blocks and head: (B, channels, H, W) -> (B, classes)."""
    return _resnet(plan, BasicBlock, plan.stem)


def resnet50(plan: Plan) -> Layers:
    """Builds stem, four stages of bottlenecks and head: (B, channels, H, W) -> (B, classes)."""
    return _resnet(plan, Bottleneck, plan.stem)


class PlainBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut without parameters (He et al., section 4.2, option A).

    (B, inplanes, H, W) -> (B, planes, H / stride, W / stride). Where the block has more channels than its input, the
    shortcut takes every `stride`-th pixel and adds channels of 0.
    """

    expansion = 1

    def __init__(self, inplanes: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv3x3(inplanes, planes, stride), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = conv3x3(planes, planes), nn.BatchNorm2d(planes)
        self.stride, self.added = stride, planes - inplanes

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        if self.stride != 1 or self.added:
            x = pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added))
        return relu(y + x)


def resnet20(plan: Plan) -> Layers:
    """Builds three stages of `width`, twice and four times `width` channels: (B, channels, H, W) -> (B, classes)."""
    return _resnet(plan, PlainBlock, "cifar")


def _resnet(plan: Plan, block: type[BasicBlock | Bottleneck | PlainBlock], stem_kind: str) -> Layers:
    first = stem(stem_kind, plan.channels, plan.width)
    blocks, channels = stages(plan.blocks, plan.width, plan.width, block, block.expansion)
    return kaiming({"stem": first, **blocks, "head": nn.Sequential(*pooled(channels, plan.classes))})
