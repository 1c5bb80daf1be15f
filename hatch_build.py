"""Adds data files to a wheel: data cards, hardware cards and pyproject.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKED = ("datasets/*.toml", "benchmarks/hardware/*.toml", "pyproject.toml")


class Packed(BuildHookInterface[Any]):
    """Puts the files into benchmarks/packed, laid out as in the checkout; benchmarks.checkout reads them there."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the files, except to an editable wheel, whose packages stay in the checkout beside them."""
        if version == "editable":
            return
        root = Path(self.root)
        for path in (path for pattern in PACKED for path in root.glob(pattern)):
            build_data["force_include"][str(path)] = f"benchmarks/packed/{path.relative_to(root).as_posix()}"
