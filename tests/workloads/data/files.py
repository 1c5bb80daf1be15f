"""What several tests of data do with files."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from benchmarks.workloads.data.cards import DataCard


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def with_archive(card: DataCard, packed: Path, *, url: str | None = None, checksum: str = "") -> DataCard:
    """Returns the card with this archive's checksum, or with another."""
    download = replace(card.published, md5=checksum or md5(packed), url=card.published.url if url is None else url)
    return replace(card, download=download)


def everything(folder: Path) -> dict[str, bytes | None]:
    """Returns all that lies in a folder, with the contents of its regular files of less than a megabyte."""
    paths = sorted(folder.rglob("*")) if folder.exists() else []
    small = {path for path in paths if path.is_file() and not path.is_symlink() and path.stat().st_size < 2**20}
    return {str(path.relative_to(folder)): path.read_bytes() if path in small else None for path in paths}
