"""Files of the user's own, a network each or a data card, as other processes are told of them. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class OwnFiles:
    """networks: "FILE.py:NAME", with the whole path. data: a data card, in TOML."""

    networks: tuple[str, ...] = ()
    data: Path | None = None
