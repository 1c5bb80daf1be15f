"""Files of the user's own, a network each or a data card, as other processes are told of them. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class OwnFiles:
    """networks: "FILE.py:NAME", with the whole path. data: a data card, in TOML."""

    networks: tuple[str, ...] = ()
    data: Path | None = None

    def load(self) -> None:
        """Make them known in this process. Raises UserError where one of them fails."""
        if self.networks:
            from benchmarks.workloads.networks import own

            for word in self.networks:
                own.load(word)
        if self.data is not None:
            from benchmarks.workloads.data import own_card

            own_card.load(self.data)
