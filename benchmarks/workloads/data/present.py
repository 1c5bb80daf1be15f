"""Is the data there? Asked before a run starts; nothing is opened, and nothing downloaded."""

from __future__ import annotations

from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import DataCard


def check_present(known: DataCard, folder: Path | None) -> None:
    """Raises UserError where data is not in the folder that was named for it, or can be had from nowhere else."""
    if known.kind == "folder":
        from benchmarks.workloads.data.images import folder_tree

        if folder_tree.locate(known, folder) is None:
            raise folder_tree.missing(known, folder)
    elif known.download is not None and folder is not None:
        if known.kind == "text":
            from benchmarks.workloads.data.text import imdb_places

            if imdb_places.locate(known, folder=folder) is None:
                imdb_places.missing(known, folder=folder)
            return
        from benchmarks.workloads.data.images import cifar

        if cifar.locate(known, folder=folder) is None:
            raise UserError(
                f"{known.title} is missing: looked for {known.download.folder}/ and {known.download.archive} in "
                f"{folder}; {known.obtain}."
            )
