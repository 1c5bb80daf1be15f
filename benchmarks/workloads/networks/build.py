"""`build`: a network by its name, with the initial weights that its seed gives."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from benchmarks.errors import UserError
from benchmarks.workloads.networks.names import MODULES, NETWORKS, check_shape
from benchmarks.workloads.networks.parts import Layers, Plan

PACKAGE = __name__.rpartition(".")[0]
BUILDERS: dict[str, Callable[[Plan], Layers]] = {
    name: getattr(module, name)
    for module in [importlib.import_module(f"{PACKAGE}.{module}") for module in MODULES]
    for name in module.NETWORKS
}


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
    heads: int | None = None,
    patch: int = 4,
    seed: int = 0,
) -> Layers:
    """Builds a network -> layer name -> module, in forward order.

    Each takes the one tensor that the one before returns.

    shape: of one input, (channels, height, width) or (words,): the network maps (B, *shape), float32 images or int64
    words, to logits (B, classes), and `gpt` to (B, words, classes). width, blocks: as `names` describes them; None: as
    published. stem: "cifar" or "imagenet", of ResNet-18, ResNet-50 and SqueezeNet. vocabulary, embedding: of the LSTM
    alone, how many words there are, and the size of their vectors. heads: of `gpt` and `vit`, of attention; None: by
    the width. patch: of `vit` alone, pixels a side.

    The initial weights follow from the seed; torch's global generator is left as it was. Raises UserError on blocks of
    another number of stages, without a vocabulary where one is needed, and on heads or a patch that divide no width or
    image.
    """
    published = NETWORKS[network]
    blocks = tuple(blocks or published.blocks)
    width = width or published.width
    check_shape(network, shape, width=width, heads=heads, patch=patch)
    plan = Plan(classes, tuple(shape), width, blocks, stem, vocabulary, embedding, heads, patch)
    if len(blocks) != len(published.blocks):
        published_blocks = published.blocks
        raise UserError(
            f"{network} needs {len(published_blocks)} numbers of blocks, as in {published_blocks}, not {blocks}."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return BUILDERS[network](plan)


def forward_all(layers: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Returns the last layer's output: logits (B, classes) of inputs (B, ...)."""
    for layer in layers:
        x = layer(x)
    return x
