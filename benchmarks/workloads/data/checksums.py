"""A published archive's files, compared with their published checksums before a byte is interpreted."""

from __future__ import annotations

import hashlib
import tarfile
import zlib
from collections.abc import Iterable
from io import BufferedReader
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import DataCard, DataFile


def verified(card: DataCard, place: Path, files: Iterable[DataFile]) -> dict[str, bytes]:
    """The bytes of these files from the folder or archive at `place`, each one's checksum compared.

    Raises UserError, naming the file and the place, where one is missing, unreadable or not as published.
    """
    contents = {}
    try:
        packed = None if place.is_dir() else _unpack(card, place)
        for file in files:
            content = (place / file.name).read_bytes() if packed is None else packed[file.name]
            _compare(card, f"{file.name} in {place}", file.md5, hashlib.md5(content, usedforsecurity=False).hexdigest())
            contents[file.name] = content
    except KeyError as error:
        raise UserError(f"{card.title} is incomplete: {error} is not in {place}; {card.obtain}.") from error
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise UserError(f"{card.title} in {place} cannot be read ({error}): {card.obtain}.") from error
    return contents


def _unpack(card: DataCard, archive: Path) -> dict[str, bytes]:
    """The archive's files by name, in memory, after its own checksum was compared."""
    wanted = {f"{card.published.folder}/{file.name}": file.name for file in card.published.files}
    with archive.open("rb") as stream:
        check_archive(card, archive, stream)
        with tarfile.open(fileobj=stream) as tar:  # one pass: going back would unpack it all again
            return {name: _content(tar, member) for member in tar if (name := wanted.get(member.name))}


def check_archive(card: DataCard, place: Path, stream: BufferedReader) -> None:
    """Compare the archive that is open as `stream`, and rewind it. Raises UserError where it is not the published one.

    What is read afterwards from the same stream is what was compared, whatever becomes of the file.
    """
    found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    _compare(card, str(place), card.published.md5, found)
    stream.seek(0)


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    content = tar.extractfile(member)
    return content.read() if content else b""


def _compare(card: DataCard, what: str, published: str, found: str) -> None:
    if found != published:
        raise UserError(
            f"{card.title}: {what} is damaged or not the published file (md5 {found}, published {published}); it was "
            f"not opened and is left as it was: move it away, then {card.obtain}."
        )
