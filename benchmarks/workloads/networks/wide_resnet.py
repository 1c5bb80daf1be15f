"""WRN-16-8 (Zagoruyko and Komodakis, arXiv:1605.07146), without dropout."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import relu

from benchmarks.workloads.networks.parts import Layers, Plan, conv1x1, conv3x3, kaiming, pooled, stages

NETWORKS = {"wrn16_8": {"title": "WRN-16-8", "width": 8, "blocks": (2, 2, 2)}}  # width: the widening factor


class WideBlock(nn.Module):
    """BatchNorm and ReLU before each of two 3 x 3 convolutions (Zagoruyko and Komodakis, figure 1 (c)).

    (B, inplanes, H, W) -> (B, planes, H / stride, W / stride). A shortcut that changes the shape is a 1 x 1 convolution
    of the input after its BatchNorm and ReLU.
    """

    def __init__(self, inplanes: int, planes: int, stride: int) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inplanes), conv3x3(inplanes, planes, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(planes), conv3x3(planes, planes)
        self.shortcut = conv1x1(inplanes, planes, stride) if stride != 1 or inplanes != planes else None

    def forward(self, x: Tensor) -> Tensor:
        active = relu(self.bn1(x))
        y: Tensor = self.conv2(relu(self.bn2(self.conv1(active))))
        return y + (x if self.shortcut is None else self.shortcut(active))


def wrn16_8(plan: Plan) -> Layers:
    """Builds a first convolution of 16 channels, then three stages of 16, 32 and 64 times `width` (table 1 there)."""
    first = conv3x3(plan.channels, 16)
    blocks, channels = stages(plan.blocks, 16, 16 * plan.width, WideBlock)
    head = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(True), *pooled(channels, plan.classes))
    return kaiming({"stem": first, **blocks, "head": head})
