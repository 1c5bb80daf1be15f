"""Progress of a run and resources of its process: written by the thread that trains, read by the one that watches."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.executors.activity import Activity
    from benchmarks.executors.registry import Executor

VARIABLE = "BENCHMARKS_SYSTEM_METRICS"
"""Environment variable that adds system metrics to every evaluation, unless it is 0 or empty."""

_STATM = Path("/proc/self/statm")


@dataclass(eq=False)
class RunProgress:
    """Progress of a run. doing: in words. executor: None before training. evaluated: batches, over all epochs."""

    doing: str = "loading the data"
    executor: Executor | None = None
    evaluated: int = 0

    @property
    def activities(self) -> Sequence[Activity]:
        """Activities of the workers under way; none between epochs."""
        return self.executor.activities if self.executor is not None else ()


class Usage:
    """System metrics of this process; MLflow shows names that begin with "system/" on a page of their own."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def since_last(self) -> dict[str, float]:
        """Returns CPU time over wall-clock time since the last call, in percent of one core, and resident memory in MB.

        Memory is that of the whole process, and left out if there is no /proc.
        """
        wall, cpu = time.perf_counter(), time.process_time()
        metrics = {"system/process_cpu_percent": 100 * (cpu - self._cpu) / max(wall - self._wall, 1e-9)}
        self._wall, self._cpu = wall, cpu
        if _STATM.exists():
            pages = int(_STATM.read_text().split()[1])
            metrics["system/process_memory_megabytes"] = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        return metrics
