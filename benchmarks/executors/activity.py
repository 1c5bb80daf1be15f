"""Reports what each worker is doing, to a display or watch on another thread."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.executors.errors import standing
from methods import effects as e

SUBJECTS = ("layer", "channel", "counter", "group", "port")
"""Fields of effects that have a name."""


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
        running = bool(getattr(self.worker.program, "gi_running", False))
        where, subject = "before its first effect", ""
        if running:
            where = "in the method's own code"
        elif self.effect is not None:
            where = f"at {type(self.effect).__name__}"
            subjects = (getattr(self.effect, name) for name in SUBJECTS if hasattr(self.effect, name))
            subject = next((str(subject.name) for subject in subjects), "")
        details = "; ".join(filter(None, (subject, standing(self.worker))))
        return f"{self.worker.name} {where}" + (f" ({details})" if details else "")
