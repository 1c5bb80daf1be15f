"""Chooses how a training process allocates memory: which allocator, and the settings of the C library's own."""

from __future__ import annotations

import contextlib
import ctypes.util
import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache

PRELOAD = "LD_PRELOAD"
ALLOCATORS = ("tcmalloc", "tcmalloc_minimal", "jemalloc")
"""Names of allocators in the order of PyTorch's launcher, torch.backends.xeon.run_cpu, and of their speed."""

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # <malloc.h>
HEAP_BYTES = 64 << 20
"""Bytes that glibc reserves at a time for a thread's arena, on 64 bits."""


def keep_freed_memory() -> bool:
    """Keeps freed memory for the next batch -> whether the C library supports that (glibc only).

    By default glibc maps a large block afresh and unmaps it when it is freed, so that every batch pays for the page
    faults of its activations again: 10 to 20 % of a batch of a full-width ResNet-18 on a CPU (docs/measurements).
    Threads keep separate arenas: if they shared one, they would wait for each other at every tensor. A thread's heap is
    reserved as a whole, since glibc unmaps an empty one unless as much is to be kept free; blocks larger than
    HEAP_BYTES are still mapped afresh in threads.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, HEAP_BYTES))
    return all(bool(mallopt(parameter, value)) for parameter, value in settings)


@cache  # where a library is missing, a compiler is asked for it
def to_preload() -> str | None:
    """Shared library of the first of ALLOCATORS that the system has; None without one, or not on Linux."""
    if sys.platform != "linux":
        return None
    return next(filter(None, map(ctypes.util.find_library, ALLOCATORS)), None)


def preloaded() -> contextlib.AbstractContextManager[None]:
    """Preloads the library `to_preload` in processes started within the block, unless the user has set LD_PRELOAD.

    Such allocators place a batch's tensors closer together than glibc: narrow networks take an eighth less time, wide
    ones the same (docs/measurements). An empty LD_PRELOAD turns this off.
    """
    library = to_preload() if PRELOAD not in os.environ else None
    return variables({PRELOAD: library} if library is not None else {})


@contextlib.contextmanager
def variables(values: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables within the block, for processes started there."""
    before = {name: os.environ.get(name) for name in values}
    os.environ |= values
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
