"""Runs a command, and ends it with all its processes when standard input ends.

Run it as leader of a process group, with a pipe as input whose other end the parent holds: if the parent is killed, the
system closes the pipe. This program ends with the command's exit code or signal. It imports nothing of the suite, to
start at once and take little memory.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

GRACE_SECONDS = 3.0
"""Seconds between SIGTERM and SIGKILL to the group."""


def main(command: list[str]) -> None:
    """Runs the command to its end."""
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
