"""Child processes of multiprocessing: they end with their parent, which alone handles signals to the group."""

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
PARENTS = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)
"""Signals that reach the parent as well, which ends its children; clusters send the last one."""


@contextlib.contextmanager
def blocked() -> Iterator[None]:
    """Start a child inside: it inherits the blocked signals, so that none ends it during its imports."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, PARENTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # one that came meanwhile is delivered now


def follow_parent() -> None:
    """Make this child ignore PARENTS, and end at most GRACE_SECONDS after its parent.

    On Linux the kernel kills it, even while a thread holds Python's lock: a run then loses what it did since its last
    line or checkpoint. Elsewhere a thread waits for the parent's end, then sends SIGTERM.
    """
    for number in PARENTS:
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    if not _killed_with_parent():
        threading.Thread(target=_follow, args=(parent,), name="orphans", daemon=True).start()
    elif os.getppid() != parent.pid:  # it ended before the call
        os._exit(1)


def _killed_with_parent() -> bool:
    """Whether the kernel will kill this process once the thread that started it has ended."""
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
    """Wait at most so many seconds, in all, for these children to end, and kill those that have not."""
    deadline = time.monotonic() + seconds
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()


def end_within(seconds: float, code: int) -> None:
    """End this process in so many seconds, whatever its threads do; safe in a handler of signals."""

    def end() -> None:
        time.sleep(seconds)
        os._exit(code)

    with contextlib.suppress(RuntimeError):  # no memory for a thread
        _thread.start_new_thread(end, ())  # threading.Thread needs locks that the interrupted code may hold
