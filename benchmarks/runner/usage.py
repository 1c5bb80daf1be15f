"""System metrics of a training process, recorded with its evaluations where BENCHMARKS_SYSTEM_METRICS asks for them.

MLflow shows metrics whose names begin with "system/" on a page of their own. Training processes do not talk to MLflow;
what they see of themselves goes into the journal, and is fed from it like any metric.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

VARIABLE = "BENCHMARKS_SYSTEM_METRICS"
"""The environment variable that asks for them, by any value but 0 and nothing."""

_STATM = Path("/proc/self/statm")


def wanted() -> bool:
    """Whether the user has asked for system metrics."""
    return os.environ.get(VARIABLE, "0") not in ("", "0")


class Usage:
    """Measures what all threads of this process use between two calls."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def since_last(self) -> dict[str, float]:
        """CPU time over wall-clock time in percent, 100 being one core kept busy; resident memory now, in 10^6 bytes.

        Memory is left out where the system does not tell it (it is Linux's /proc). It is the process's: runs that
        share one process share what it holds.
        """
        wall, cpu = time.perf_counter(), time.process_time()
        used = {"system/process_cpu_percent": 100 * (cpu - self._cpu) / max(wall - self._wall, 1e-9)}
        self._wall, self._cpu = wall, cpu
        if _STATM.exists():
            pages = int(_STATM.read_text().split()[1])
            used["system/process_memory_megabytes"] = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        return used
