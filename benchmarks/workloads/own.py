"""Files of the user's own, a network each or a data card, as other processes are told of them. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OwnFiles:
    """networks: "FILE.py:NAME", with the whole path."""

    networks: tuple[str, ...] = ()

    def load(self) -> None:
        """Make them known in this process. Raises UserError where one of them fails."""
        if self.networks:
            from benchmarks.workloads.networks import own

            for word in self.networks:
                own.load(word)
