"""Files of the user's own, networks, a task and a data card, as other processes are told of them. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class OwnFiles:
    """networks: "FILE.py:NAME", with the whole path. task: likewise, without a name. data: a data card, in TOML."""

    networks: tuple[str, ...] = ()
    task: Path | None = None
    data: Path | None = None

    @property
    def absolute(self) -> OwnFiles:
        """The files, for processes in other folders."""
        task, data = (path.absolute() if path is not None else None for path in (self.task, self.data))
        return OwnFiles(self.networks, task, data)
