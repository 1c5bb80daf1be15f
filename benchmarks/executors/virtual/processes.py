"""Workers under way on the virtual clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from benchmarks.executors.activity import Activity


class Blocked:
    """What a handler returns when the worker has to wait."""


BLOCKED = Blocked()


@dataclass(eq=False, slots=True)
class Process(Activity):
    """A worker under way."""

    waits_for: str = ""


Ready = deque[tuple[Process, Any]]  # who goes on next, and with what
