"""A published archive's files, compared with their published checksums before a byte is interpreted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from io import BufferedReader
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.workloads.data import archives
from benchmarks.workloads.data.archives import Bounds
from benchmarks.workloads.data.cards import DataCard, DataFile
from results import reading

BOUNDS = Bounds(unpacked_bytes=2**29, member_bytes=2**28, members=100)  # CIFAR's largest file has 155 MB


def verified(card: DataCard, place: Path, files: Iterable[DataFile]) -> dict[str, bytes]:
    """The bytes of these files from the folder or archive at `place`, each one's checksum compared.

    Raises UserError, naming the file and the place, where one is missing, unreadable or not as published.
    """
    contents = {}
    try:
        packed = None if place.is_dir() else _unpack(card, place)
        for file in files:
            content = reading.content(place / file.name, BOUNDS.member_bytes) if packed is None else packed[file.name]
            _compare(card, f"{file.name} in {place}", file.md5, hashlib.md5(content, usedforsecurity=False).hexdigest())
            contents[file.name] = content
    except KeyError as error:
        raise UserError(f"{card.title} is incomplete: {error} is not in {place}; {card.obtain}.") from error
    except archives.UNREADABLE as error:
        raise UserError(f"{card.title} in {place} cannot be read ({error}): {card.obtain}.") from error
    return contents


def _unpack(card: DataCard, archive: Path) -> dict[str, bytes]:
    """Returns the archive's files by name, after comparing the archive's own checksum."""
    names = {f"{card.published.folder}/{file.name}": file.name for file in card.published.files}
    with reading.opened(archive, archives.PACKED_BYTES) as stream:
        check_archive(card, archive, stream)
        return {
            name: archives.content(tar, member)
            for member, tar in archives.members(stream, BOUNDS)
            if (name := names.get(member.name))
        }


def check_archive(card: DataCard, place: Path, stream: BufferedReader) -> None:
    """Compares the md5 of an archive open as `stream`, and rewinds it.

    Raises UserError where it is not the published one.

    Reading on from the same stream gives what was compared, whatever becomes of the file.
    """
    md5 = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    _compare(card, str(place), card.published.md5, md5)
    stream.seek(0)


def _compare(card: DataCard, name: str, published: str, md5: str) -> None:
    if md5 != published:
        raise UserError(
            f"{card.title}: {name} is damaged or not the published file (md5 {md5}, published {published}); it was "
            f"not opened and is left as it was: move it away, then {card.obtain}."
        )
