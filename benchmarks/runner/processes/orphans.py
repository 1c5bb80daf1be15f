"""No training process outlives the command that started it."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.process import BaseProcess

from benchmarks.runner.processes.signals import end_within

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
GRACE_SECONDS = 3.0


def end_with_parent() -> None:
    """This process, a child of multiprocessing, ends with its parent, at the latest GRACE_SECONDS after it.

    On Linux the kernel kills it, also while a thread keeps Python's lock to itself: a run then loses what it did since
    its last line or checkpoint. Elsewhere a thread waits for the parent's end, and asks first.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    if not _killed_with_parent():
        threading.Thread(target=_follow, args=(parent,), name="orphans", daemon=True).start()
    elif os.getppid() != parent.pid:  # it went before the kernel was told
        os._exit(1)


def _killed_with_parent() -> bool:
    """Whether the kernel will do it, once the thread that started this process has gone."""
    if sys.platform != "linux":
        return False
    try:
        return int(ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)) == 0
    except (OSError, AttributeError):
        return False


def _follow(parent: BaseProcess) -> None:
    parent.join()
    end_within(GRACE_SECONDS, 1)
    os.kill(os.getpid(), signal.SIGTERM)
