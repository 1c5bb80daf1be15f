"""What is known of the networks without building one: names, titles, and widths as published. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

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


def layer_count(network: str, blocks: Sequence[int] | None = None) -> int:
    """Layers that are updated as units: the first one, a block each, and the head. blocks: None as published."""
    return 2 + sum(blocks or BLOCKS[network])
