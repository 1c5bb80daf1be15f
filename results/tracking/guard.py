"""A program: run a command, and end it, with all its processes, when standard input ends.

Whoever starts this, as the leader of a group of processes, holds the other end of the pipe: should it be killed, the
system closes that end. It ends as the command does, with its exit code or by its signal. It imports nothing of ours, so
that it starts at once and takes little memory.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

GRACE_SECONDS = 3.0
"""That the group has between SIGTERM and SIGKILL."""


def main(command: list[str]) -> None:
    """Run it to its end."""
    for number in (signal.SIGTERM, signal.SIGINT):  # to the group: the command's to answer
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
