"""Progress of a run: written by the thread that trains it, read by the one that watches it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.executors.activity import Activity
    from benchmarks.executors.registry import Executor


@dataclass(eq=False)
class RunProgress:
    """doing: in words. executor: None before training. evaluated: batches, over all epochs."""

    doing: str = "loading the data"
    executor: Executor | None = None
    evaluated: int = 0

    @property
    def activities(self) -> Sequence[Activity]:
        """Activities of the workers under way; none between epochs."""
        return self.executor.activities if self.executor is not None else ()
