"""What a step's process is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class LeftOut(Exception):
    """The step cannot be carried out here; the text says what it would take. A later call tries again."""


@dataclass(frozen=True)
class Given:
    """device: cpu or cuda. out: the folder of records. step: the settings of the step alone."""

    device: str
    small: bool
    data: Path | None
    out: Path
    step: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Given:
        own = {key: value for key, value in settings.items() if key not in ("device", "small", "data", "out")}
        data = Path(settings["data"]) if settings["data"] else None
        return cls(settings["device"], settings["small"], data, Path(settings["out"]), own)
