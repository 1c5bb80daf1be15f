"""A program that runs a command, and ends it with all its processes when standard input ends.

The process that starts it, as leader of a process group, holds the other end of the pipe, which the system closes
should that process be killed. This program ends as the command does, with its exit code or by its signal. It imports
nothing of the suite, and so starts at once and takes little memory.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

GRACE_SECONDS = 3.0
"""Time of the group between SIGTERM and SIGKILL."""


def main(command: list[str]) -> None:
    """Run the command to its end."""
    for number in (signal.SIGTERM, signal.SIGINT):  # sent to the group: the command handles them
        signal.signal(number, lambda *_: None)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    alone = threading.Event()
    threading.Thread(target=_end_with_input, args=(alone,), daemon=True).start()
    code = process.wait()
    if alone.is_set():  # the command may have left processes behind
        os.killpg(0, signal.SIGKILL)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)  # the other thread still reads


def _end_with_input(alone: threading.Event) -> None:
    while os.read(0, 1):
        pass
    alone.set()
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
