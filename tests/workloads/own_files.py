"""Files of a user's own, as tests need them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

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


TASK = """
from benchmarks.workloads.tasks import Task
from results.records.spec import Judge


def loss(outputs, targets):
    return (outputs.squeeze(1) - targets).square().mean()


def sums(outputs, targets):
    return {"loss": (outputs.squeeze(1) - targets).square().sum()}


def shape(inputs, classes):
    return (inputs[0], 1)


JUDGE = Judge(metric="loss", title="squared error", unit="", better="less", digits=2)
TASK = Task("guess", "guessing", JUDGE, loss, sums, None, shape, "a number")
"""


def task(folder: Path, text: str = TASK) -> Path:
    """The file of a task, a regression."""
    return network(folder, text, "mytask.py")


CARD = """
name = "leaves"
kind = "images"
folder = "leaves"
shape = [3, 8, 8]
source = "generated for a test"
licence = "none"
"""
TEXTS = """
name = "notes"
kind = "text"
folder = "notes"
source = "written for a test"
licence = "none"
"""

DIARY = """
name = "diary"
kind = "corpus"
file = "diary.txt"
source = "written for a test"
licence = "none"
"""


def card(folder: Path, text: str = CARD, name: str = "leaves.toml") -> Path:
    """The file of a data card."""
    return network(folder, text, name)


def images(place: Path, counts: Mapping[str, int], size: tuple[int, int] = (8, 8), mode: str = "RGB") -> Path:
    """Two classes of generated images, red and dark or blue and light, counts of each in every split ("": no split)."""
    for at, (split, count) in enumerate(counts.items()):
        for label, kind in enumerate(("oak", "ash")):
            (place / split / kind).mkdir(parents=True)
            for number in range(count):
                noise = np.random.RandomState(1000 * at + 2 * number + label).randint(0, 60, (*size[::-1], 3), np.uint8)
                noise[..., 2 * label] += 120
                Image.fromarray(noise).convert(mode).save(place / split / kind / f"{number:03}.png")
    return place


def texts(place: Path, counts: Mapping[str, int]) -> Path:
    """Two classes of generated texts."""
    for split, count in counts.items():
        for kind, word in (("bad", "dull"), ("good", "fine")):
            (place / split / kind).mkdir(parents=True)
            for number in range(count):
                text = f"It was {word}, number {number} of {split}."
                (place / split / kind / f"{number}.txt").write_text(text, encoding="utf-8")
    return place
