"""The networks, as lists of layers: the parts that are updated as a unit.

ResNet-18 and -50 (He et al., arXiv:1512.03385) are built from torchvision's own blocks, cut at the residual blocks; at
width 64, with the ImageNet stem, they are torchvision's resnet18 and resnet50, parameter for parameter. ResNet-20 is
that of section 4.2 there. WRN-16-8 is from Zagoruyko and Komodakis (arXiv:1605.07146), without dropout. SqueezeNet
(Iandola et al., arXiv:1602.07360) is torchvision's version 1.1. The LSTM is paper A's (section 4.2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu
from torchvision.models.resnet import BasicBlock, Bottleneck, conv1x1, conv3x3
from torchvision.models.squeezenet import Fire

from benchmarks.errors import UserError
from benchmarks.workloads.network_names import BLOCKS, DEFAULT_WIDTH

Layers = dict[str, nn.Module]


@dataclass(frozen=True)
class Plan:
    """What `build` was asked for, with what is published where nothing was said."""

    classes: int
    channels: int
    width: int
    blocks: tuple[int, ...]
    stem: str
    vocabulary: int | None
    embedding: int


def build(
    network: str,
    *,
    classes: int,
    shape: Sequence[int],
    width: int | None = None,
    blocks: Sequence[int] | None = None,
    stem: str = "cifar",
    vocabulary: int | None = None,
    embedding: int = 128,
    seed: int = 0,
) -> Layers:
    """Layer name -> module, in forward order; each takes what the one before gives, as one tensor.

    shape: of one input, (channels, height, width) or (words,): the network maps (B, *shape), float32 images or int64
    words, to logits (B, classes). width, blocks: as `benchmarks.workloads.network_names` describes them; None: as
    published.
    stem: "cifar" or "imagenet", of ResNet-18, ResNet-50 and SqueezeNet. vocabulary, embedding: of the LSTM alone, how
    many words there are, and the size of their vectors.

    The initial weights follow from the seed; torch's global generator is left as it was.
    Raises UserError on blocks of another number of stages, and without a vocabulary where one is needed.
    """
    published = BLOCKS[network]
    width, blocks = width or DEFAULT_WIDTH[network], tuple(blocks or published)
    plan = Plan(classes, shape[0], width, blocks, stem, vocabulary, embedding)
    if len(plan.blocks) != len(published):
        raise UserError(f"{network} needs {len(published)} numbers of blocks, as in {published}, not {plan.blocks}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return BUILDERS[network](plan)


def resnet(
    network: str,
    *,
    classes: int,
    channels: int = 3,
    width: int = 64,
    blocks: Sequence[int] | None = None,
    stem_kind: str = "cifar",
    seed: int = 0,
) -> Layers:
    """ResNet-18 or -50 by `build`: stem, stage1.0, ..., stage4.1, head. (B, C, H, W) -> (B, classes)."""
    shape = (channels, 32, 32)  # of any height and width
    return build(network, classes=classes, shape=shape, width=width, blocks=blocks, stem=stem_kind, seed=seed)


def forward_all(layers: Sequence[nn.Module], x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x


# ---- ResNet-18 and -50


def stem(kind: str, channels: int, width: int) -> nn.Module:
    """cifar: 3 x 3, stride 1, no pooling (He et al., section 4.2). imagenet: 7 x 7, stride 2, and max-pooling."""
    if kind == "cifar":
        return nn.Sequential(nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True))
    return nn.Sequential(
        nn.Conv2d(channels, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(True), nn.MaxPool2d(3, 2, 1)
    )


def _torchvisions(block: type[BasicBlock | Bottleneck]) -> Callable[[Plan], Layers]:
    """Initialised as torchvision does: Kaiming normal, by fan out."""

    def make(plan: Plan) -> Layers:
        layers: Layers = {"stem": stem(plan.stem, plan.channels, plan.width)}
        inplanes = plan.width
        for stage, i, stride in _strides(plan.blocks):
            planes = plan.width * 2**stage
            layers[f"stage{stage + 1}.{i}"] = _residual(block, inplanes, planes, stride)
            inplanes = planes * block.expansion
        layers["head"] = nn.Sequential(*_pooled(inplanes, plan.classes))
        return _kaiming(layers)

    return make


def _residual(block: type[BasicBlock | Bottleneck], inplanes: int, planes: int, stride: int) -> nn.Module:
    out = planes * block.expansion
    downsample = None
    if stride != 1 or inplanes != out:
        downsample = nn.Sequential(conv1x1(inplanes, out, stride), nn.BatchNorm2d(out))
    made: nn.Module = block(inplanes, planes, stride, downsample)
    return made


def _strides(blocks: Sequence[int]) -> list[tuple[int, int, int]]:
    """(stage, block in it, stride): the first block of every stage but the first halves the resolution."""
    return [(stage, i, 2 if stage > 0 and i == 0 else 1) for stage, count in enumerate(blocks) for i in range(count)]


def _pooled(channels: int, classes: int) -> tuple[nn.Module, ...]:
    return nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)


def _kaiming(layers: Layers) -> Layers:
    for layer in layers.values():
        for module in layer.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return layers


# ---- ResNet-20


class PlainBlock(nn.Module):
    """He et al., section 4.2: two 3 x 3 convolutions and a shortcut without parameters (option A).

    Where the block has more channels than its input, the shortcut takes every `stride`-th pixel and adds channels of 0.
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


def _resnet20(plan: Plan) -> Layers:
    """Three stages of `width`, twice and four times `width` channels."""
    layers: Layers = {"stem": stem("cifar", plan.channels, plan.width)}
    inplanes = plan.width
    for stage, i, stride in _strides(plan.blocks):
        planes = plan.width * 2**stage
        layers[f"stage{stage + 1}.{i}"] = PlainBlock(inplanes, planes, stride)
        inplanes = planes
    layers["head"] = nn.Sequential(*_pooled(inplanes, plan.classes))
    return _kaiming(layers)


# ---- WRN-16-8


class WideBlock(nn.Module):
    """Zagoruyko and Komodakis, figure 1 (c): BatchNorm and ReLU before each of two 3 x 3 convolutions.

    A shortcut that changes the shape is a 1 x 1 convolution of the input after its BatchNorm and ReLU.
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


def _wide_resnet(plan: Plan) -> Layers:
    """A first convolution of 16 channels, then three stages of 16, 32 and 64 times `width` (table 1 there)."""
    inplanes = 16
    layers: Layers = {"stem": conv3x3(plan.channels, inplanes)}
    for stage, i, stride in _strides(plan.blocks):
        planes = 16 * plan.width * 2**stage
        layers[f"stage{stage + 1}.{i}"] = WideBlock(inplanes, planes, stride)
        inplanes = planes
    layers["head"] = nn.Sequential(nn.BatchNorm2d(inplanes), nn.ReLU(True), *_pooled(inplanes, plan.classes))
    return _kaiming(layers)


# ---- SqueezeNet

_SQUEEZE = ((1, 1), (2, 2), (3, 3, 4, 4))  # squeezed channels of each stage's blocks, in `width`


def _squeezenet(plan: Plan) -> Layers:
    """At width 16 with the ImageNet stem, torchvision's squeezenet1_1 but for its dropout, initialised as there.

    Ours: with the CIFAR stem the first convolution keeps the 32 x 32 pixels (stride 1, padding 1), the three poolings
    leave 16, 8 and 4 pixels a side, every convolution but the last is followed by BatchNorm, and the last by no ReLU:
    without these, SGD at paper B's rates ends with all logits at 0. No dropout: its generator is all threads' own.
    """
    small, channels = plan.stem == "cifar", 4 * plan.width
    convolution = nn.Conv2d(plan.channels, channels, 3, *((1, 1) if small else (2, 0)))
    layers: Layers = {"stem": nn.Sequential(_normed(convolution) if small else convolution, nn.ReLU(True), _pool())}
    for stage, i, stride in _strides(plan.blocks):
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


# ---- LSTM


class Recurrent(nn.Module):
    """One layer of LSTM: (B, words, inputs) -> the hidden state after every word, (B, words, hidden)."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.lstm(x)[0]
        return hidden


class LastStep(nn.Module):
    """(B, words, hidden) -> the last word's, (B, hidden)."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, -1]


def _lstm(plan: Plan) -> Layers:
    """One nn.LSTM per layer, so that each is updated by itself; PyTorch's own initial weights."""
    if plan.vocabulary is None:
        raise UserError("The LSTM needs the size of its vocabulary: give it a data set of texts.")
    layers: Layers = {"embedding": nn.Embedding(plan.vocabulary, plan.embedding)}
    inputs = plan.embedding
    for i in range(plan.blocks[0]):
        layers[f"lstm{i + 1}"] = Recurrent(inputs, plan.width)
        inputs = plan.width
    layers["head"] = nn.Sequential(LastStep(), nn.Linear(inputs, plan.classes))
    return layers


BUILDERS: dict[str, Callable[[Plan], Layers]] = {
    "resnet18": _torchvisions(BasicBlock),
    "resnet50": _torchvisions(Bottleneck),
    "resnet20": _resnet20,
    "wrn16_8": _wide_resnet,
    "squeezenet": _squeezenet,
    "lstm": _lstm,
}
