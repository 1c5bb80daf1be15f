"""Workers under way on the virtual clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.executors.activity import Activity
from benchmarks.executors.virtual.devices import DeviceJob
from methods import effects as e


class Blocked:
    """The type of BLOCKED, which a handler returns where its worker has to wait."""


BLOCKED = Blocked()


@dataclass(eq=False, slots=True)
class Process(Activity):
    """A worker under way. job: reused for its timed effects; None before the first."""

    send: Callable[[object], e.Effect] = field(init=False)
    job: DeviceJob | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.send = self.worker.program.send

    def forget_job(self) -> None:
        """Frees the job, which holds itself, and so the worker's last step, until the garbage is collected."""
        if self.job is not None:
            del self.job.over
            self.job = None

    @property
    def waits_for(self) -> str:
        """Returns in words what it waits for from other workers; "" where its device is at work."""
        match self.effect:
            case e.Put():
                return f"room in {self.effect.channel.name}"
            case e.Get():
                return self.effect.channel.name
            case e.Await():
                return f"{self.effect.counter.name} to reach {self.effect.at_least}"
            case e.AllReduce() | e.Average():
                return f"the other members of {self.effect.group.name}"
        return ""


Ready = deque[tuple[Process, object]]  # who goes on next, and with what
