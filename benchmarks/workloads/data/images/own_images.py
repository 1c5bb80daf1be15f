"""A user's images, in memory: a folder, decoded, brought to one size, and cached; or arrays.

Arrays are an .npz file of x_train, y_train, x_test and y_test, nothing of which is unpickled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.errors import UserError
from benchmarks.workloads.data import class_folders
from benchmarks.workloads.data.cards import OwnData
from benchmarks.workloads.data.images import arrays
from benchmarks.workloads.data.images.arrays import Pixels, Split
from benchmarks.workloads.data.images.decode import open_rgb
from benchmarks.workloads.data.images.folder_tree import IMAGES
from benchmarks.workloads.memory import machine_memory
from results import reading

Shape = tuple[int, int, int]
NAMES = ("x_train", "y_train", "x_test", "y_test")
_LABELS_BYTES = 2**30  # beside the images
_SHARES = 4  # of the machine's memory: each training process holds the images


class OwnImages(NamedTuple):
    """A user's images, both splits, uint8 (N, C, H, W). sha256: of names and pixels, or of arrays."""

    train: Split
    test: Split
    classes: int
    sha256: str


def read(name: str, data: OwnData, shape: Shape) -> OwnImages:
    """Returns all images in this shape; others are scaled until they cover it, and cut at their edges.

    name: of the data set, for errors. Raises UserError where the folder has another layout, an image cannot be read, or
    all do not fit into memory.
    """
    if data.place.suffix == ".npz":
        train, test = read_arrays(data.place, shape, machine_memory() // _SHARES)
        classes = 1 if train.labels.dtype.kind == "f" else int(train.labels.max()) + 1
        return OwnImages(train, test, classes, arrays.fingerprint(train, test))
    train_files, test_files = class_folders.own_files(data.place, IMAGES, data.held_out)
    files = [*train_files, *test_files]
    needed = len(files) * int(np.prod(shape))
    if needed > machine_memory() // _SHARES:
        raise UserError(
            f"{name}: {len(files):,} images of {'x'.join(map(str, shape))} take {needed / 1e9:.1f} GB of memory, more "
            "than a quarter of this machine's: give a smaller shape; or run a table of ImageNet with --data FOLDER, "
            "which decodes images as they are needed."
        )
    pixels = arrays.decode_files(files, shape, lambda path: _decode(path, shape))
    splits = arrays.split_files(train_files, test_files, pixels)
    return OwnImages(*splits, files[-1].label + 1, arrays.files_fingerprint(files, pixels, f"{shape}\n"))


def mean_and_std(images: Pixels) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns mean and standard deviation per channel, of values between 0 and 1, to four digits."""
    channels = images.transpose(1, 0, 2, 3).reshape(images.shape[1], -1)
    levels = np.arange(256)
    counts = [np.bincount(channel, minlength=256) for channel in channels]  # exact, whatever the size
    means = [float(np.average(levels, weights=count)) for count in counts]
    spreads = [
        float(np.sqrt(np.average((levels - mean) ** 2, weights=count)))
        for mean, count in zip(means, counts, strict=True)
    ]
    return tuple(round(mean / 255, 4) for mean in means), tuple(round(spread / 255, 4) for spread in spreads)


def read_arrays(path: Path, shape: tuple[int, int, int], image_bytes: int) -> tuple[Split, Split]:
    """Returns both splits of an .npz. x: uint8, (N, height, width, channels), channels first, or grey without channels.

    y: labels from 0, without gaps, or floats, numbers for a task of one's own. image_bytes: the most that all images
    may have. Raises UserError where the file cannot be read, or has other arrays.
    """
    try:
        content = _load_arrays(path, image_bytes + _LABELS_BYTES)
    except UserError:
        raise
    except Exception as error:  # whatever a damaged file makes zipfile and NumPy raise
        message = " ".join(str(error).split())
        raise UserError(f"The arrays {path} cannot be read ({message}): write them anew by numpy.savez.") from error
    train, test = (
        Split(_images(path, x, content[x], shape), _labels(path, y, content[y], len(content[x])))
        for x, y in (NAMES[:2], NAMES[2:])
    )
    kinds = {split.labels.dtype.kind for split in (train, test)}
    if len(kinds) > 1:
        raise UserError(f"{path.name}: of y_train and y_test one has classes, the other numbers: give both of a kind.")
    if kinds == {"f"}:
        return train, test
    highest = int(max(train.labels.max(), test.labels.max()))
    if len(np.unique(train.labels)) <= highest:
        raise UserError(
            f"{path.name}: y_train lacks a number up to {highest}: number the classes from 0, without gaps."
        )
    if highest == 0:
        raise UserError(f"{path.name} has one class, and nothing to tell it from: add another.")
    return train, test


def _load_arrays(path: Path, most_bytes: int) -> dict[str, NDArray[Any]]:
    with reading.opened(path, most_bytes) as stream:
        with ZipFile(stream) as file:
            sizes = {part.filename.removesuffix(".npy"): part.file_size for part in file.infolist()}
        if missing := next((name for name in NAMES if name not in sizes), None):
            raise UserError(f"{path.name}: there is no {missing}: it has to have {', '.join(NAMES)}.")
        if sum(sizes[name] for name in NAMES) > most_bytes:  # a zip of some kilobytes can hold any size
            raise OSError(f"they have more than {most_bytes:,} bytes")
        stream.seek(0)
        with np.load(stream, allow_pickle=False) as content:
            return {name: content[name] for name in NAMES}


def _images(path: Path, name: str, array: NDArray[Any], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    channels, height, width = shape
    if array.dtype != np.uint8:
        raise UserError(
            f"{path.name}: {name} is of {array.dtype}, and whole numbers from 0 to 255 (uint8) were expected."
        )
    if array.size and array.shape[1:] == shape:
        return np.ascontiguousarray(array)
    last = array[..., None] if channels == 1 and array.ndim == 3 else array
    if not array.size or last.shape[1:] != (height, width, channels):
        raise UserError(
            f"{path.name}: {name} has the shape {array.shape}, and (N, {height}, {width}, {channels}) was expected by "
            "the data card's."
        )
    return np.ascontiguousarray(last.transpose(0, 3, 1, 2))


def _labels(path: Path, name: str, array: NDArray[Any], images: int) -> NDArray[Any]:
    labels = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if labels.dtype.kind not in "iuf" or labels.shape != (images,):
        raise UserError(
            f"{path.name}: {name} is of {array.dtype} and has the shape {array.shape}, and {images} whole numbers were "
            "expected, or numbers for a task of your own."
        )
    if labels.dtype.kind == "f":
        with np.errstate(over="ignore"):
            numbers = labels.astype(np.float32)
        if not np.isfinite(numbers).all():
            raise UserError(f"{path.name}: {name} has numbers that are not finite in float32: mend or leave them out.")
        return numbers
    if labels.min() < 0:
        raise UserError(f"{path.name}: {name} has {labels.min()}: number the classes from 0, without gaps.")
    return labels.astype(np.int64)


def _decode(path: str, shape: Shape) -> Pixels:
    channels, height, width = shape
    image = open_rgb(path)
    if image.size != (width, height):
        image = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    values = np.asarray(image if channels == 3 else image.convert("L"))
    return values.reshape(height, width, channels).transpose(2, 0, 1)
