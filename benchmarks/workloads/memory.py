"""The size of this machine's memory."""

from __future__ import annotations

import os


def machine_memory() -> int:
    """Returns bytes of memory; 8 GiB where the system does not say."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**33
