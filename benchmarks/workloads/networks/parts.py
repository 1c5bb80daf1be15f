"""Parts that all families of networks use: arguments, stems, strides, initial weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

Layers = dict[str, nn.Module]
"""Layer name -> module, in forward order; each takes what the one before gives, as one tensor."""


@dataclass(frozen=True)
class Plan:
    """The arguments of `build`, with the published width and blocks filled in.

    shape: of one input, (channels, height, width) or (words,). vocabulary, embedding: of the LSTM, how many words there
    are, and the size of their vectors. heads: of `gpt` and `vit`; None: by the width. patch: of `vit`, in pixels.
    """

    classes: int
    shape: tuple[int, ...]
    width: int
    blocks: tuple[int, ...]
    stem: str
    vocabulary: int | None
    embedding: int
    heads: int | None
    patch: int

    @property
    def channels(self) -> int:
        """Returns the number of an image's channels."""
        return self.shape[0]


def conv3x3(inplanes: int, planes: int, stride: int = 1) -> nn.Conv2d:
    """Returns a 3 x 3 convolution without bias: (B, inplanes, H, W) -> (B, planes, H / stride, W / stride)."""
    return nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)


def conv1x1(inplanes: int, planes: int, stride: int = 1) -> nn.Conv2d:
    """Returns a pointwise convolution without bias: (B, inplanes, H, W) -> (B, planes, H / stride, W / stride)."""
    return nn.Conv2d(inplanes, planes, 1, stride, bias=False)


def stem(kind: str, channels: int, width: int) -> nn.Module:
    """Returns the first layer: (B, channels, H, W) -> (B, width, H, W) for "cifar", (B, width, H / 4, W / 4) else.

    cifar: 3 x 3, stride 1, no pooling (He et al., section 4.2). imagenet: 7 x 7, stride 2, and max-pooling.
    """
    if kind == "cifar":
        return nn.Sequential(nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True))
    return nn.Sequential(
        nn.Conv2d(channels, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(True), nn.MaxPool2d(3, 2, 1)
    )


def strides(blocks: Sequence[int]) -> list[tuple[int, int, int]]:
    """Returns (stage, block in it, stride): the first block of every stage but the first halves the resolution."""
    return [(stage, i, 2 if stage > 0 and i == 0 else 1) for stage, count in enumerate(blocks) for i in range(count)]


def stages(
    blocks: Sequence[int], inplanes: int, planes: int, block: Callable[[int, int, int], nn.Module], expansion: int = 1
) -> tuple[Layers, int]:
    """Builds the blocks, named stage1.0 and on -> (layers, channels of the last one).

    inplanes: channels of the first block's input. planes: those of the first stage, doubled in every other. block:
    (inplanes, planes, stride) -> module, (B, inplanes, H, W) -> (B, planes * expansion, H / stride, W / stride).
    """
    layers: Layers = {}
    for stage, i, stride in strides(blocks):
        layers[f"stage{stage + 1}.{i}"] = block(inplanes, planes * 2**stage, stride)
        inplanes = planes * 2**stage * expansion
    return layers, inplanes


def pooled(channels: int, classes: int) -> tuple[nn.Module, ...]:
    """Returns a head's modules: mean over H and W, then a linear layer: (B, channels, H, W) -> (B, classes)."""
    return nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)


def kaiming(layers: Layers) -> Layers:
    """Draws the convolutions' weights as torchvision's ResNets do (Kaiming normal, fan out), and returns the layers."""
    for layer in layers.values():
        for module in layer.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return layers
