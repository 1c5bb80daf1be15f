"""Downloads a published archive into the cache, whole or not at all."""

from __future__ import annotations

import http.client
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.checksums import verified
from benchmarks.workloads.data.places import VARIABLE

STALLED_SECONDS = 20.0


def fetch(card: DataCard, cache: Path) -> Path:
    """Downloads, verifies and unpacks the card's archive into `cache` -> its folder there.

    Processes that want the same data wait for the first one's download. Raises UserError where the download fails, its
    checksum differs or the cache cannot be written; the cache is then as it was.
    """
    target = cache / card.published.folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f".{card.name}.lock"):
            if not target.exists():
                with tempfile.TemporaryDirectory(dir=cache, prefix=f".{card.name}-") as folder:
                    os.replace(_unpacked(card, Path(folder)), target)
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        raise UserError(
            f"{card.title} is neither in ${VARIABLE} nor in {cache}, and downloading {card.published.archive} "
            f"from {card.published.url} failed ({error}): {card.obtain}."
        ) from error
    return target


def _unpacked(card: DataCard, folder: Path) -> Path:
    from torchvision.datasets.utils import download_url

    with _no_endless_wait():
        # torchvision raises RuntimeError where the checksum differs, and URLError (an OSError) where no server answers.
        download_url(card.published.url, folder, card.published.archive, card.published.md5)
    contents = verified(card, folder / card.published.archive, card.published.files)
    unpacked = folder / card.published.folder
    unpacked.mkdir()
    for name, content in contents.items():
        (unpacked / name).write_bytes(content)
    return unpacked


@contextmanager
def _no_endless_wait() -> Iterator[None]:
    """Sets a socket timeout: torchvision's download takes none, so that a silent network would hold it for minutes."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALLED_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
