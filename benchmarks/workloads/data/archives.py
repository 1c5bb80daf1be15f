"""Reads published downloads: files and archives, compared with their published checksums before they are interpreted.

Archives are read in memory, in one pass and within bounds: some kilobytes can unpack to more than any memory.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import itertools
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, BinaryIO, TypeVar, cast

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import DataCard, DataFile
from results import reading

UNREADABLE = (OSError, EOFError, tarfile.TarError, zlib.error, lzma.LZMAError)
"""Errors raised for an archive that is damaged, or out of bounds."""
PACKED_BYTES = 2**30  # the largest archive published has 170 MB; not packed at all, IMDb's has some 300 MB
_LZMA_BYTES = 2**28  # of memory; xz -9 takes 65 MB to unpack
_CHUNK_BYTES = 2**16


@dataclass(frozen=True)
class Bounds:
    """Limits of an unpacked archive. member_bytes: of one member, or of one header such as a path."""

    unpacked_bytes: int
    member_bytes: int
    members: int


BOUNDS = Bounds(unpacked_bytes=2**29, member_bytes=2**28, members=100)
"""Bounds of CIFAR's archives, whose largest file has 155 MB."""
Key = TypeVar("Key")


class OutOfBounds(OSError):
    """An archive claims to be larger than what is published can be."""


def files(stream: BinaryIO, bounds: Bounds, select: Callable[[str], Key | None]) -> Iterator[tuple[Key, bytes]]:
    """Yields the content of an archive's regular files. Raises one of UNREADABLE.

    select: path in the archive -> a key that is yielded with the content; None passes over the file.
    """
    unpacked: Any = _Bounded(_decompress(stream), bounds)
    try:
        with tarfile.open(fileobj=unpacked, mode="r:") as tar:
            for number in itertools.count(1):
                member = tar.next()
                if member is None:
                    return
                if number > bounds.members:
                    raise OutOfBounds(f"it has more than {bounds.members:,} members")
                tar.members.clear()  # type: ignore[attr-defined]  # which would be kept for going back
                if not member.isfile() or (key := select(member.name)) is None:
                    continue
                if member.size > bounds.member_bytes:
                    raise OutOfBounds(f"{member.name} in it has {member.size:,} bytes")
                yield key, cast(IO[bytes], tar.extractfile(member)).read()
    except (ValueError, RecursionError) as error:  # headers of headers of headers
        raise tarfile.ReadError(f"a header is wrong ({error})") from error


def verified(card: DataCard, place: Path, wanted: Iterable[DataFile]) -> dict[str, bytes]:
    """Returns these files' bytes by name, from the folder or archive at `place`, after comparing their checksums.

    Raises UserError, naming the file and the place, where one is missing, unreadable or not as published.
    """
    contents = {}
    try:
        packed = None if place.is_dir() else _unpack(card, place)
        for file in wanted:
            content = reading.content(place / file.name, BOUNDS.member_bytes) if packed is None else packed[file.name]
            _compare(card, f"{file.name} in {place}", file.md5, io.BytesIO(content))
            contents[file.name] = content
    except KeyError as error:
        raise UserError(f"{card.title} is incomplete: {error} is not in {place}; {card.obtain}.") from error
    except UNREADABLE as error:
        raise UserError(f"{card.title} in {place} cannot be read ({error}): {card.obtain}.") from error
    return contents


def _unpack(card: DataCard, archive: Path) -> dict[str, bytes]:
    """Returns the archive's files by name, after comparing the archive's own checksum."""
    names = {f"{card.published.folder}/{file.name}": file.name for file in card.published.files}
    with reading.opened(archive, PACKED_BYTES) as stream:
        check_archive(card, archive, stream)
        return dict(files(stream, BOUNDS, names.get))


def check_archive(card: DataCard, place: Path, stream: BufferedReader) -> None:
    """Compares the md5 of an archive open as `stream`, and rewinds it. Raises UserError where it is not as published.

    Reading on from the same stream gives the bytes that were compared, whatever becomes of the file.
    """
    _compare(card, str(place), card.published.md5, stream)
    stream.seek(0)


def _compare(card: DataCard, name: str, published: str, content: io.BytesIO | BufferedReader) -> None:
    md5 = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if md5 != published:
        raise UserError(
            f"{card.title}: {name} is damaged or not the published file (md5 {md5}, published {published}); it was "
            f"not opened and is left as it was: move it away, then {card.obtain}."
        )


def _decompress(stream: BinaryIO) -> Any:
    start = stream.read(6)
    stream.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=stream)
    if start.startswith(b"BZh"):
        return bz2.BZ2File(stream)
    return io.BufferedReader(_Xz(stream), _CHUNK_BYTES) if start == b"\xfd7zXZ\0" else stream


class _Xz(io.RawIOBase):
    """Decompresses xz as lzma.LZMAFile does, with a bound of memory, which LZMAFile lacks."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.rest = stream, b""
        self.packed: lzma.LZMADecompressor | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        unpacked = b""
        while not unpacked:
            if self.packed is None or self.packed.eof:
                self.rest = (self.packed.unused_data if self.packed else b"") or self.stream.read(_CHUNK_BYTES)
                if not self.rest:
                    return 0
                self.packed = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_BYTES)
            elif self.packed.needs_input and not (chunk := self.stream.read(_CHUNK_BYTES)):
                raise EOFError("it ends in the middle")
            elif self.packed.needs_input:
                self.rest = chunk
            unpacked = self.packed.decompress(self.rest, len(buffer))
            self.rest = b""
        buffer[: len(unpacked)] = unpacked
        return len(unpacked)


class _Bounded:
    """A stream for tarfile that reads forward only, and raises OutOfBounds beyond the limits."""

    def __init__(self, stream: Any, bounds: Bounds) -> None:
        self.stream, self.bounds, self.position = stream, bounds, 0

    def tell(self) -> int:
        return self.position

    def seek(self, position: int) -> int:
        if position > self.bounds.unpacked_bytes:
            raise self._too_large()
        while self.position < position and self.read(min(_CHUNK_BYTES, position - self.position)):
            pass
        if position < self.position:
            raise tarfile.ReadError("it points back")
        return self.position

    def read(self, size: int) -> bytes:
        if size > max(self.bounds.member_bytes, _CHUNK_BYTES):
            raise OutOfBounds(f"a header or a file in it has {size:,} bytes")
        content: bytes = self.stream.read(size)
        self.position += len(content)
        if self.position > self.bounds.unpacked_bytes:
            raise self._too_large()
        return content

    def _too_large(self) -> OutOfBounds:
        return OutOfBounds(f"it unpacks to more than {self.bounds.unpacked_bytes:,} bytes")
