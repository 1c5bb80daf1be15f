"""Counts of a row's runs from their journals: they come before what the method declares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from results.records import Record
from results.records.spec import Effects


@dataclass(frozen=True)
class Counted:
    """Counts of all runs of a row together, and their epochs in all."""

    epochs: float
    runs: tuple[Effects, ...]

    @classmethod
    def of(cls, records: Iterable[Record]) -> Counted | None:
        """Gathers the counts of finished runs; None without any, or if one has none, as of earlier versions."""
        ends = [record.end for record in records if record.complete and record.end is not None]
        if not ends or not all("effects" in end for end in ends):
            return None
        runs = tuple(Effects.model_validate(end["effects"]) for end in ends)
        epochs = sum(float(end["epochs"]) for end in ends)
        alike = len({len(one.updates) for one in runs}) == 1 and runs[0].updates
        return cls(epochs, runs) if epochs and alike else None

    def total(self, name: str) -> int:
        """The sum over the runs."""
        return sum(getattr(one, name) for one in self.runs)

    def share(self, name: str) -> float:
        """Share of all gradients that were computed, or that a dropped batch would have led to."""
        return self.total(name) / max(1, self.total("gradients"))

    @property
    def updates(self) -> list[int]:
        """Updates of each layer, over all replicas."""
        return [sum(of_layer) for of_layer in zip(*(one.updates for one in self.runs), strict=True)]

    @property
    def updates_per_epoch(self) -> tuple[float, float]:
        """Fewest and most updates of any layer of one replica."""
        replicas = max(1, *(one.replicas for one in self.runs))
        of_layers = [count / replicas / self.epochs for count in self.updates]
        return min(of_layers), max(of_layers)

    @property
    def gradients_per_update(self) -> float:
        """Gradients that an update of a layer applies, one after the other; 0 where nothing was updated."""
        return self.total("applied") / max(1, sum(self.updates))

    @property
    def batches_per_update(self) -> float:
        """Batches behind an applied gradient: several where it is a mean over replicas; 0 where nothing was updated."""
        return self.total("applied_batches") / max(1, self.total("applied"))

    @property
    def shares_batches(self) -> bool:
        return self.total("shared_batches") > 0

    @property
    def averages_replicas(self) -> bool:
        return self.total("averages") > 0

    @property
    def averages_state(self) -> bool:
        return self.total("state_averages") > 0
