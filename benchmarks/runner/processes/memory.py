"""How the C library keeps memory: once, at the start of a process that trains."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # <malloc.h>


def keep_freed_memory() -> bool:
    """Keep freed blocks for the next batch -> whether the C library could be told so (glibc only).

    By default glibc maps a large block afresh and unmaps it when it is freed, so that every batch pays for the page
    faults of its activations again: 10 to 20 % of a batch of a full-width ResNet-18 on a CPU (docs/measurements).
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
