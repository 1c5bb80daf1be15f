"""One image of a folder: opened, cropped and scaled by Pillow, byte for byte as torchvision's transforms do it.

Every image is decoded whole: JPEG's draft mode, which decodes large ones scaled down, is faster and gives other bytes.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.errors import UserError
from benchmarks.workloads.data.random_keys import below
from results import reading

SCALE = (0.08, 1.0)  # of the image's area; this and the next are torchvision's defaults (Szegedy et al., 1409.4842)
RATIO = (3 / 4, 4 / 3)  # width to height
FILE_BYTES = 2**28  # the largest image of ImageNet-1k has 15 MB
_ATTEMPTS = 10
WORDS = 4 * _ATTEMPTS + 1
"""Random words that one training image takes: area, ratio, row and column of each attempt at a crop, and the mirror."""
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)


def open_rgb(path: str) -> Image.Image:
    """Returns the image as RGB, whatever it is stored in. Raises UserError, naming the file."""
    try:
        with reading.opened(Path(path), FILE_BYTES) as file, Image.open(file) as image:
            return image.convert("RGB")
    except UNREADABLE as error:
        raise unreadable(path, error) from error


def unreadable(path: str | Path, error: BaseException) -> UserError:
    """Returns the error for an image that cannot be read."""
    return UserError(f"The image {path} cannot be read ({error}): put a readable copy in its place.")


def for_evaluation(image: Image.Image, side: int) -> Image.Image:
    """Returns the centre, `side` pixels square, of the image scaled so that its short side is 256 / 224 of that."""
    width, height = image.size
    short = round(side * 256 / 224)
    size = (short, int(short * height / width)) if width <= height else (int(short * width / height), short)
    scaled = image.resize(size, Image.Resampling.BILINEAR)
    left, top = (round((length - side) / 2) for length in size)
    return scaled.crop((left, top, left + side, top + side))


def for_training(image: Image.Image, side: int, words: NDArray[np.uint64]) -> Image.Image:
    """Returns a random part of the image, scaled to `side` pixels square. words: random, shape (WORDS,)."""
    top, left, height, width = random_box(*image.size, words)
    part = image.crop((left, top, left + width, top + height))
    return part.resize((side, side), Image.Resampling.BILINEAR)


def random_box(width: int, height: int, words: NDArray[np.uint64]) -> tuple[int, int, int, int]:
    """Returns top, left, height and width of a random part of an image, in pixels.

    Draws it as torchvision's RandomResizedCrop.get_params: the centre, where ten attempts do not fit the image.
    """
    lowest, highest = map(math.log, RATIO)
    for at in range(0, 4 * _ATTEMPTS, 4):
        area, ratio = (words[at : at + 2] >> np.uint64(11)) * 2.0**-53  # in [0, 1)
        pixels = width * height * (SCALE[0] + (SCALE[1] - SCALE[0]) * float(area))
        shape = math.exp(lowest + (highest - lowest) * float(ratio))
        wide, high = round(math.sqrt(pixels * shape)), round(math.sqrt(pixels / shape))
        if 0 < wide <= width and 0 < high <= height:
            top = int(below(words[at + 2 : at + 3], height - high + 1)[0])
            left = int(below(words[at + 3 : at + 4], width - wide + 1)[0])
            return top, left, high, wide
    wide, high = width, height
    if width / height < RATIO[0]:
        high = round(width / RATIO[0])
    elif width / height > RATIO[1]:
        wide = round(height * RATIO[1])
    return (height - high) // 2, (width - wide) // 2, high, wide


def mirrored(words: NDArray[np.uint64]) -> bool:
    """Returns whether an image is to be mirrored left to right, by the last of its random words."""
    return bool(below(words[-1:], 2)[0])
