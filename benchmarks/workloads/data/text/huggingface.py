"""Downloads the IMDb reviews from Hugging Face, without its half minute of retries where there is no network."""

from __future__ import annotations

import importlib.metadata
import os
from typing import Any

from benchmarks.workloads.data.places import server_error
from benchmarks.workloads.data.text.reviews import Labelled

REPOSITORY = "stanfordnlp/imdb"
NOT_INSTALLED = "for which the package datasets is not installed"


class Unavailable(Exception):
    """The reviews cannot be had there. Its text continues a sentence that says where they were looked for."""


def download() -> tuple[list[Labelled], list[Labelled]]:
    """Returns labels and texts of both splits, through the package `datasets`, which keeps its own cache.

    With $HF_HUB_OFFLINE set only that cache is asked. Raises Unavailable where the package or the data cannot be had.
    """
    try:
        from datasets import load_dataset  # type: ignore[attr-defined]
    except ImportError as error:  # not installed, or Python found the folder of data cards in its stead
        raise Unavailable(NOT_INSTALLED) from error
    if not _offline() and (why := _silent()):
        raise Unavailable(why)
    try:
        splits = load_dataset(REPOSITORY)
        return _labelled(splits["train"]), _labelled(splits["test"])
    except Exception as error:  # of many kinds and packages, all of which mean the same here
        message = " ".join(str(error).split()) or type(error).__name__
        raise Unavailable(f"which failed ({message.rstrip('.')})") from error


def _labelled(split: Any) -> list[Labelled]:
    return list(zip(split["label"], split["text"], strict=True))


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def obstacle() -> str:
    """Returns why the reviews cannot be had there, as the text of `Unavailable`; "" where nothing is known against it.

    Takes some seconds at most, and imports nothing of the package `datasets`.
    """
    try:
        importlib.metadata.version("datasets")
    except importlib.metadata.PackageNotFoundError:
        return NOT_INSTALLED
    return "" if _offline() else _silent()


def _silent() -> str:
    silence = _server_error()
    return f"which does not answer ({silence}; if it was downloaded before, set HF_HUB_OFFLINE=1)" if silence else ""


def _server_error() -> str:
    return server_error(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
