"""Workers under way on the virtual clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from benchmarks.executors.activity import Activity


class Blocked:
    """What a handler returns when the worker has to wait."""


BLOCKED = Blocked()


@dataclass(eq=False, slots=True)
class Process(Activity):
    """A worker under way. place: what it waits for while its device is at work, in words."""

    waits_for: str = ""
    place: str = field(init=False)

    def __post_init__(self) -> None:
        self.place = f"device {self.worker.device}"


Ready = deque[tuple[Process, Any]]  # who goes on next, and with what
