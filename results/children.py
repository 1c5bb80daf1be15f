"""Ends child processes of multiprocessing with their parent, which alone handles signals sent to the whole group."""

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
GROUP_SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)
"""Signals that a terminal or cluster sends to the whole process group; the parent then ends its children."""


@contextlib.contextmanager
def blocked() -> Iterator[None]:
    """Blocks these signals; a child started within the block inherits that, so none kills it during its imports."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, GROUP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # one that came meanwhile is delivered now


def follow_parent() -> None:
    """Makes this child ignore GROUP_SIGNALS, and ends it at most GRACE_SECONDS after its parent.

    On Linux the kernel kills it, even while a thread holds Python's lock: a run then loses its work since the last
    journal line or checkpoint. On other systems a thread waits for the parent's end and sends SIGTERM.
    """
    for number in GROUP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    if not _killed_with_parent():
        threading.Thread(target=_follow, args=(parent,), name="orphans", daemon=True).start()
    elif os.getppid() != parent.pid:  # it ended before the call
        os._exit(1)


def _killed_with_parent() -> bool:
    """Asks the kernel to kill this process when its parent ends -> whether the kernel agreed."""
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


def join_or_kill(processes: Iterable[BaseProcess], seconds: float) -> None:
    """Waits at most this long in total for the children to end, then kills the rest."""
    deadline = time.monotonic() + seconds
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()


def end_within(seconds: float, code: int) -> None:
    """Ends this process after so many seconds, whatever its threads do; safe in a signal handler."""

    def end() -> None:
        time.sleep(seconds)
        os._exit(code)

    with contextlib.suppress(RuntimeError):  # no memory for a thread
        _thread.start_new_thread(end, ())  # threading.Thread needs locks that the interrupted code may hold
