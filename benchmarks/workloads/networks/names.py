"""Names, titles and published sizes of the networks, known without building one. Imports no torch.

Every other file beside this one holds networks. It declares them by a literal, which is read without running the file:

    NETWORKS = {"resnet18": {"title": "ResNet-18", "width": 64, "blocks": (2, 2, 2, 2)}}

and has a function of each one's name, which takes a `Plan` and returns the layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.checkout import declared
from benchmarks.errors import UserError
from benchmarks.workloads import networks


@dataclass(frozen=True)
class Network:
    """A network of the suite, with its published width and blocks.

    inputs: what it takes, "images", "words" or "tokens". width: channels of the first stage, unless its file says
    otherwise. blocks: per stage. layers: names of the first layer, of a block (by its stage and its place there, from
    0, or by its number, from 1), and of the last layer. patched: whether it cuts images into patches. attends:
    whether every block has attention over all places.
    """

    title: str
    width: int
    blocks: tuple[int, ...]
    inputs: str = "images"
    layers: tuple[str, str, str] = ("stem", "stage{stage}.{place}", "head")
    batchnorm: bool = True
    patched: bool = False
    attends: bool = False


_DECLARED = declared(networks, "NETWORKS", ("build", "names", "own", "parts", "transformer"))
MODULES = tuple(_DECLARED)


_NAMED = [(name, Network(**fields)) for literal in _DECLARED.values() for name, fields in literal.items()]
NETWORKS: dict[str, Network] = dict(_NAMED)
if len(NETWORKS) < len(_NAMED):
    raise ValueError(f"Two files of {networks.__path__[0]} declare one network: {[name for name, _ in _NAMED]}")


@dataclass(frozen=True)
class OwnNetwork:
    """A user's own network. function: returns its layers. takes: which of ARGUMENTS the function names."""

    name: str
    file: Path
    function: Callable[..., Any]
    takes: tuple[str, ...]


def title_of(network: str) -> str:
    """Returns a network's title, such as "ResNet-18"; a user's network is called by its name."""
    return NETWORKS[network].title if network in NETWORKS else network


def layer_names(network: str, blocks: Sequence[int] | None = None) -> list[str]:
    """Returns the names of the layers: the first one, one per block, and the head. blocks: None: as published."""
    first, block, last = NETWORKS[network].layers
    stages = enumerate(blocks or NETWORKS[network].blocks, start=1)
    places = ((stage, i) for stage, count in stages for i in range(count))
    return [first, *(block.format(stage=stage, place=i, number=i + 1) for stage, i in places), last]


def layer_count(network: str, blocks: Sequence[int] | None = None) -> int:
    """Returns the number of a network's layers."""
    return len(layer_names(network, blocks))


HEAD_CHANNELS = 32
"""Channels of an attention head, or more, where the number of heads is not set."""


def heads_of(channels: int) -> int:
    """Returns the most heads that divide the channels and have HEAD_CHANNELS or more, else one."""
    return max(heads for heads in range(1, max(1, channels // HEAD_CHANNELS) + 1) if channels % heads == 0)


def check_shape(network: str, shape: Sequence[int], *, width: int, heads: int | None, patch: int) -> None:
    """Raises UserError where heads do not divide the width, or patches the images. shape: of one input."""
    if heads is not None and width % heads:
        raise UserError(f"workload.heads={heads} does not divide the {width} channels of workload.width.")
    if NETWORKS[network].patched and any(side % patch for side in shape[1:]):
        size = " x ".join(map(str, shape[1:]))
        raise UserError(f"workload.patch={patch} does not divide the {size} pixels of an image.")
