"""ResNet-18 and -50 (He et al., arXiv:1512.03385), and ResNet-20, that of section 4.2 there.

The first two are built from torchvision's own blocks, cut at the residual blocks; at width 64, with the ImageNet stem,
they are torchvision's resnet18 and resnet50, parameter for parameter.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn
from torch.nn.functional import pad, relu
from torchvision.models.resnet import BasicBlock, Bottleneck, conv1x1, conv3x3

from benchmarks.workloads.networks.parts import Layers, Plan, kaiming, pooled, stages, stem


def resnet18(plan: Plan) -> Layers:
    """Stem, four stages of basic blocks, head: (B, channels, H, W) -> (B, classes)."""
    return _torchvisions(plan, BasicBlock)


def resnet50(plan: Plan) -> Layers:
    """Stem, four stages of bottlenecks, head: (B, channels, H, W) -> (B, classes)."""
    return _torchvisions(plan, Bottleneck)


def _torchvisions(plan: Plan, block: type[BasicBlock | Bottleneck]) -> Layers:
    first = stem(plan.stem, plan.channels, plan.width)
    blocks, channels = stages(plan.blocks, plan.width, plan.width, partial(_residual, block), block.expansion)
    return kaiming({"stem": first, **blocks, "head": nn.Sequential(*pooled(channels, plan.classes))})


def _residual(block: type[BasicBlock | Bottleneck], inplanes: int, planes: int, stride: int) -> nn.Module:
    out = planes * block.expansion
    downsample = None
    if stride != 1 or inplanes != out:
        downsample = nn.Sequential(conv1x1(inplanes, out, stride), nn.BatchNorm2d(out))
    made: nn.Module = block(inplanes, planes, stride, downsample)
    return made


class PlainBlock(nn.Module):
    """He et al., section 4.2: two 3 x 3 convolutions and a shortcut without parameters (option A).

    (B, inplanes, H, W) -> (B, planes, H / stride, W / stride). Where the block has more channels than its input, the
    shortcut takes every `stride`-th pixel and adds channels of 0.
    """

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
    """Three stages of `width`, twice and four times `width` channels: (B, channels, H, W) -> (B, classes)."""
    first = stem("cifar", plan.channels, plan.width)
    blocks, channels = stages(plan.blocks, plan.width, plan.width, PlainBlock)
    return kaiming({"stem": first, **blocks, "head": nn.Sequential(*pooled(channels, plan.classes))})
