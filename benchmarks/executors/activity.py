"""What each worker of an epoch is at, for whoever watches from another thread."""

from __future__ import annotations

from dataclasses import dataclass

from methods import effects as e

SUBJECTS = ("layer", "channel", "counter", "group", "port")


@dataclass(eq=False, slots=True)
class Activity:
    """The executor notes every effect that the worker asks for, and counts them: two stores, and no lock or clock."""

    worker: e.Worker
    effect: e.Effect | None = None  # the last one
    asked: int = 0

    def __str__(self) -> str:
        return f"{self.worker.name} {self._where}"

    @property
    def _where(self) -> str:
        if getattr(self.worker.program, "gi_running", False):
            return "in the method's own code"
        if self.effect is None:
            return "before its first effect"
        subject = next((getattr(self.effect, part) for part in SUBJECTS if hasattr(self.effect, part)), None)
        return f"at {type(self.effect).__name__}" + (f" ({subject.name})" if subject is not None else "")
