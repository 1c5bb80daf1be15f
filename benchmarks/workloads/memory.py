"""Says how much memory this machine has."""

from __future__ import annotations

import os


def machine_memory() -> int:
    """Bytes; 8 GiB where the system does not say."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**33
