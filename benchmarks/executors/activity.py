"""The activity of each worker of an epoch, for whoever watches from another thread."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.executors.errors import standing
from methods import effects as e

SUBJECTS = ("layer", "channel", "counter", "group", "port")


@dataclass(eq=False, slots=True)
class Activity:
    """The last effect that a worker asked for, and their number; noting one costs two stores, no lock and no clock."""

    worker: e.Worker
    effect: e.Effect | None = None  # the last one
    asked: int = 0

    def __str__(self) -> str:
        """Describes the activity, with the line of the method where its program is a generator."""
        details = "; ".join(filter(None, (self._subject, standing(self.worker))))
        return f"{self.worker.name} {self._where}" + (f" ({details})" if details else "")

    @property
    def _running(self) -> bool:
        return bool(getattr(self.worker.program, "gi_running", False))

    @property
    def _where(self) -> str:
        if self._running:
            return "in the method's own code"
        return f"at {type(self.effect).__name__}" if self.effect is not None else "before its first effect"

    @property
    def _subject(self) -> str:
        """The name of what its effect is on."""
        subjects = (getattr(self.effect, part) for part in SUBJECTS if hasattr(self.effect, part))
        return "" if self._running else next((str(subject.name) for subject in subjects), "")
