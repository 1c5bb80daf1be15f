"""Where data is looked for, and where downloads are kept."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "BENCHMARKS_DATA"


def cache_folder() -> Path:
    """Where downloads are kept: `benchmarks` below $XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "benchmarks"
