"""A wheel's files that are no code: what a checkout has outside of the packages, and the hardware cards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKED = ("datasets/*.toml", "benchmarks/hardware/*.toml", "pyproject.toml")


class Packed(BuildHookInterface[Any]):
    """Puts them into benchmarks/packed, laid out as in the checkout, where benchmarks.checkout looks for them."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """version: "standard" or "editable", whose packages stay in the checkout, beside these files."""
        if version == "editable":
            return
        root = Path(self.root)
        for path in (path for pattern in PACKED for path in root.glob(pattern)):
            build_data["force_include"][str(path)] = f"benchmarks/packed/{path.relative_to(root).as_posix()}"
