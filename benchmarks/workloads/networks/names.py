"""What is known of the networks without building one: names, titles, and widths as published. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TITLES = {
    "resnet18": "ResNet-18",
    "resnet50": "ResNet-50",
    "resnet20": "ResNet-20",
    "wrn16_8": "WRN-16-8",
    "squeezenet": "SqueezeNet",
    "lstm": "LSTM",
}
NETWORKS = tuple(TITLES)
BATCHNORM_FREE = frozenset({"lstm"})

# Channels of the first stage; WRN: the widening factor; SqueezeNet: the first squeeze; LSTM: hidden units.
DEFAULT_WIDTH = {"resnet18": 64, "resnet50": 64, "resnet20": 16, "wrn16_8": 8, "squeezenet": 16, "lstm": 256}
# Blocks of each stage; SqueezeNet: fire modules between two poolings; LSTM: layers.
BLOCKS: dict[str, tuple[int, ...]] = {
    "resnet18": (2, 2, 2, 2),
    "resnet50": (3, 4, 6, 3),
    "resnet20": (3, 3, 3),
    "wrn16_8": (2, 2, 2),
    "squeezenet": (2, 2, 4),
    "lstm": (2,),
}


@dataclass(frozen=True)
class OwnNetwork:
    """A network of the user's own. function: gives its layers. takes: the arguments that it names.

    batchnorm: whether a layer normalises by the batch, as it was found when the network was tried.
    """

    file: Path
    function: Callable[..., Any]
    takes: tuple[str, ...]
    batchnorm: bool = True


OWN: dict[str, OwnNetwork] = {}
"""By name: `own.load` adds them, as the methods of plug-ins are added to theirs."""


def known() -> tuple[str, ...]:
    """All that there are, the user's own last."""
    return (*NETWORKS, *OWN)


def title_of(network: str) -> str:
    """For people: "ResNet-18"; one of the user's own is called by its name."""
    return TITLES.get(network, network)


def has_batchnorm(network: str) -> bool:
    return OWN[network].batchnorm if network in OWN else network not in BATCHNORM_FREE


def files_of(network: str) -> tuple[Path, ...]:
    """The files of a network that is not the suite's: a part of its runs' identity."""
    return (OWN[network].file,) if network in OWN else ()


def words_of(networks: Iterable[str]) -> tuple[str, ...]:
    """How `own.load` is asked for those of these that are the user's own, with the whole path."""
    return tuple(f"{OWN[name].file}:{name}" for name in networks if name in OWN)


def layer_names(network: str, blocks: Sequence[int] | None = None) -> list[str]:
    """Layers that are updated as units: the first one, a block each, and the head. blocks: None as published."""
    blocks = blocks or BLOCKS[network]
    if network == "lstm":
        return ["embedding", *(f"lstm{i + 1}" for i in range(blocks[0])), "head"]
    return ["stem", *(f"stage{s + 1}.{i}" for s, count in enumerate(blocks) for i in range(count)), "head"]


def layer_count(network: str, blocks: Sequence[int] | None = None) -> int:
    """Number of a network's layers."""
    return len(layer_names(network, blocks))
