"""Processes that multiprocessing starts for a process of the suite: they end with it, and leave its signals to it."""

from __future__ import annotations

import _thread
import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from multiprocessing.process import BaseProcess

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
GRACE_SECONDS = 3.0
PARENTS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGHUP", "SIGUSR2") if hasattr(signal, name))
"""Signals that reach the parent as well, which ends its children; the last one is a cluster's."""


@contextlib.contextmanager
def blocked() -> Iterator[None]:
    """Start a process inside: no signal to the group ends it during its imports, since it inherits what is blocked."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, PARENTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # one that came meanwhile is delivered now


def follow_parent() -> None:
    """End this child with its parent, at the latest GRACE_SECONDS after it, and leave the parent's signals to it.

    On Linux the kernel kills it, also while a thread keeps Python's lock to itself: a run then loses what it did since
    its last line or checkpoint. Elsewhere a thread waits for the parent's end, and asks first.
    """
    for number in PARENTS:
        signal.signal(number, signal.SIG_IGN)
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


def gone(processes: Iterable[BaseProcess], seconds: float) -> None:
    """Wait until these children have ended, so many seconds in all; who has not then is killed."""
    deadline = time.monotonic() + seconds
    for one in processes:
        one.join(max(0.0, deadline - time.monotonic()))
        if one.is_alive():
            one.kill()
            one.join()


def end_within(seconds: float, code: int) -> None:
    """End this process so many seconds from now, whatever its threads do then; safe in a handler of signals."""

    def end() -> None:
        time.sleep(seconds)
        os._exit(code)

    with contextlib.suppress(RuntimeError):  # no memory for a thread
        _thread.start_new_thread(end, ())  # threading.Thread takes locks that the interrupted code may hold
