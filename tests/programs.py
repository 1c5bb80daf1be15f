"""Programs that a test starts: they end with the test, or with the process that runs it, whatever happens."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
STARTED: list[subprocess.Popen[str]] = []
_C = ctypes.CDLL(None) if sys.platform == "linux" else None


def start(
    command: Sequence[str], *, prepare: Callable[[], object] = lambda: None, **options: Any
) -> subprocess.Popen[str]:
    """A leader of its own process group, with pipes for what it says.

    It is sent SIGINT and SIGHUP as from a terminal, also where the tests were started in the background or by nohup.
    prepare: is called in it before the program begins.
    """

    def begin() -> None:
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        if _C is not None:
            _C.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        prepare()

    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    process = subprocess.Popen(command, text=True, start_new_session=True, preexec_fn=begin, **pipes)
    STARTED.append(process)
    return process


def end_all() -> None:
    """Those that were started, and their groups."""
    while STARTED:
        process = STARTED.pop()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
            pipe.close()
