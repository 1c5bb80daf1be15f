"""Where data is looked for, and where downloads are kept."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "BENCHMARKS_DATA"


def places(folder: Path | None) -> list[Path]:
    """Where data is looked for: in `folder` alone where one is named, else in $BENCHMARKS_DATA, then in the cache."""
    named = os.environ.get(VARIABLE)
    usual = [*([Path(named)] if named else []), cache_folder()]
    return [place.expanduser() for place in ([folder] if folder else usual)]


def cache_folder() -> Path:
    """Where downloads are kept: `benchmarks` below $XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "benchmarks"
