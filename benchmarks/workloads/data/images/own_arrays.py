"""One's own images as arrays: an .npz file of x_train, y_train, x_test and y_test, nothing of which is unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import UserError
from benchmarks.workloads.data.images.arrays import Split
from results import reading

NAMES = ("x_train", "y_train", "x_test", "y_test")
_LABELS_BYTES = 2**30  # beside the images


def read(path: Path, shape: tuple[int, int, int], image_bytes: int) -> tuple[Split, Split]:
    """Returns both splits of an .npz. x: uint8, (N, height, width, channels), channels first, or grey without channels.

    y: labels from 0, without gaps, or floats, numbers for a task of one's own. image_bytes: the most that all images
    may have. Raises UserError where the file cannot be read, or has other arrays.
    """
    try:
        arrays = _arrays(path, image_bytes + _LABELS_BYTES)
    except UserError:
        raise
    except Exception as error:  # whatever a damaged file makes zipfile and NumPy raise
        message = " ".join(str(error).split())
        raise UserError(f"The arrays {path} cannot be read ({message}): write them anew by numpy.savez.") from error
    train, test = (
        Split(_images(path, x, arrays[x], shape), _labels(path, y, arrays[y], len(arrays[x])))
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


def _arrays(path: Path, most_bytes: int) -> dict[str, NDArray[Any]]:
    with reading.opened(path, most_bytes) as stream:
        with ZipFile(stream) as file:
            sizes = {part.filename.removesuffix(".npy"): part.file_size for part in file.infolist()}
        if missing := next((name for name in NAMES if name not in sizes), None):
            raise UserError(f"{path.name}: there is no {missing}: it has to have {', '.join(NAMES)}.")
        if sum(sizes[name] for name in NAMES) > most_bytes:  # a zip of some kilobytes can hold any size
            raise OSError(f"they have more than {most_bytes:,} bytes")
        stream.seek(0)
        with np.load(stream, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in NAMES}


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
