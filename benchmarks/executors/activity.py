"""What each worker is doing, for a display or watch on another thread."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.executors.errors import standing
from methods import effects as e

SUBJECTS = ("layer", "channel", "counter", "group", "port")


@dataclass(eq=False, slots=True)
class Activity:
    """A worker's last effect, and the number of effects that it has asked for.

    Noting an effect costs two assignments: no lock, no clock.
    """

    worker: e.Worker
    effect: e.Effect | None = None
    effect_count: int = 0

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
        """Returns the name of the layer, channel, counter or group that the effect is on."""
        subjects = (getattr(self.effect, part) for part in SUBJECTS if hasattr(self.effect, part))
        return "" if self._running else next((str(subject.name) for subject in subjects), "")
