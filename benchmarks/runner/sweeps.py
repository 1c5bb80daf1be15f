"""Settings with several values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sweep:
    """A setting with several values, a row for each. owner: "workload" or a method; values: as text, at least two."""

    owner: str
    key: str
    values: tuple[str, ...]

    @property
    def text(self) -> str:
        """The values as `--set` has them."""
        return ",".join(self.values)

    @property
    def name(self) -> str:
        """As `--set` has it: "lapsgd.period"."""
        return f"{self.owner}.{self.key}"
