"""Is the data there? Asked before a run starts; nothing is opened, and nothing downloaded."""

from __future__ import annotations

from pathlib import Path

from benchmarks.data.cards import DataCard
from benchmarks.errors import UserError


def check_present(known: DataCard, folder: Path | None) -> None:
    """Raises UserError where data is not in the folder that was named for it, or can be had from nowhere else."""
    if known.kind == "folder":
        from benchmarks.data import tree

        if tree.locate(known, folder) is None:
            raise tree.missing(known, folder)
    elif known.download is not None and folder is not None:
        if known.kind == "text":
            from benchmarks.data import imdb

            if imdb.locate(known, folder=folder) is None:
                imdb.missing(known, folder=folder)
            return
        from benchmarks.data import cifar  # imports numpy

        if cifar.locate(known, folder=folder) is None:
            raise UserError(
                f"{known.title} is missing: looked for {known.download.folder}/ and {known.download.archive} in "
                f"{folder}; {known.obtain}."
            )
