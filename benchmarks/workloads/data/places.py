"""Folders to look for data in, and to keep downloads in."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "BENCHMARKS_DATA"


def places(folder: Path | None) -> list[Path]:
    """Returns the folders to look in: `folder` alone where one is named, else $BENCHMARKS_DATA, then the cache."""
    named = os.environ.get(VARIABLE)
    usual = [*([Path(named)] if named else []), cache_folder()]
    return [place.expanduser() for place in ([folder] if folder else usual)]


def cache_folder() -> Path:
    """Returns the folder of downloads: `benchmarks` below $XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "benchmarks"
