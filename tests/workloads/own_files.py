"""Files of a user's own, as tests need them."""

from __future__ import annotations

from pathlib import Path

MLP = """
import math

from torch import nn


def mlp(shape, classes, width=64):
    return {
        "first": nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), width), nn.ReLU()),
        "middle": nn.Sequential(nn.Linear(width, width), nn.ReLU()),
        "head": nn.Linear(width, classes),
    }
"""


def network(folder: Path, text: str = MLP, name: str = "mynet.py") -> Path:
    """The file of a network."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
