"""A user's texts: one file per text in a folder per class, in UTF-8; or a table, one row per text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.workloads.data import class_folders
from benchmarks.workloads.data.cards import OwnData
from benchmarks.workloads.data.class_folders import ClassFile
from benchmarks.workloads.data.text import own_tables, text_file
from benchmarks.workloads.data.text.reviews import Labelled, Reviews, ordered
from results import reading

ENDINGS = (".txt",)
FILE_BYTES = 2**20


def read(place: OwnData) -> tuple[int, Reviews]:
    """Returns the number of classes and all texts, in an order that does not depend on their files' names.

    Raises UserError where the folder has another layout, a text cannot be read, or all of them are too large.
    """
    if place.columns is not None:
        return own_tables.read(place, place.columns)
    tree = class_folders.tree(place.place, ENDINGS, place.held_out)
    if (size := sum(file.size for file in (*tree.train, *tree.test))) > text_file.ALL_BYTES:
        raise UserError(
            f"The texts in {place.place} have {size:,} bytes, more than {text_file.ALL_BYTES:,}: take a part of them."
        )
    return len(tree.classes), ordered(_texts(tree.train), _texts(tree.test))


def _texts(files: tuple[ClassFile, ...]) -> Iterator[Labelled]:
    for file in files:
        try:
            yield file.label, reading.content(Path(file.path), FILE_BYTES).decode("utf-8")
        except (OSError, ValueError) as error:
            message = " ".join(str(error).split())
            raise UserError(
                f"The text {file.path} cannot be read ({message}): put a sound one, in UTF-8, there."
            ) from error
