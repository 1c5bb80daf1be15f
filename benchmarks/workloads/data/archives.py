"""Reads tar archives in memory, in one pass and within bounds: some kilobytes can unpack to more than any memory."""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

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


class OutOfBounds(OSError):
    """An archive claims to be larger than what is published can be."""


def members(stream: BinaryIO, bounds: Bounds) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
    """Yields every member and the open archive; read its content (`content`) before the next one is asked for.

    Raises one of UNREADABLE.
    """
    unpacked: Any = _Bounded(_decompress(stream), bounds)
    with _open_tar(unpacked) as tar:  # typed as Any: typeshed knows no `members`
        for number in itertools.count(1):
            member = _next_member(tar)
            if member is None:
                return
            if number > bounds.members:
                raise OutOfBounds(f"it has more than {bounds.members:,} members")
            tar.members.clear()  # which would be kept for going back
            yield member, tar


def content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """Returns the content of a regular file; b"" for any other member."""
    file = tar.extractfile(member) if member.isfile() else None
    return file.read() if file else b""


def _open_tar(unpacked: Any) -> Any:
    try:
        return tarfile.open(fileobj=unpacked, mode="r:")
    except (ValueError, RecursionError) as error:
        raise tarfile.ReadError(f"a header is wrong ({error})") from error


def _next_member(tar: tarfile.TarFile) -> tarfile.TarInfo | None:
    try:
        return tar.next()
    except (ValueError, RecursionError) as error:  # headers of headers of headers
        raise tarfile.ReadError(f"a header is wrong ({error})") from error


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
