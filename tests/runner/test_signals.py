"""How a command and its training processes end: by signals, with a parent that was killed, and whatever they are at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.runner.processes import signals
from tests.commands.commands import CHECKOUT, alive, until
from tests.programs import start

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(CHECKOUT)}

# A training process without what it takes seconds to import. lock: native code that keeps Python's lock to itself.
CHILD = """
import ctypes, multiprocessing, os, signal, sys, time
from benchmarks.runner.processes import orphans, process, signals


def child(how):
    signals.TRAINING_SECONDS = 0.2
    signal.signal(signal.SIGTERM, process._terminate)
    if how == "thread":  # as where the kernel does not do it
        orphans.GRACE_SECONDS, orphans._killed_with_parent = 0.2, lambda: False
    orphans.end_with_parent()
    if how == "lock":
        print(os.getpid(), flush=True)
        ctypes.PyDLL(None).sleep(1000)
    while True:
        try:
            print(os.getpid(), flush=True)
            time.sleep(1000)
        except BaseException:
            pass


if __name__ == "__main__":
    one = multiprocessing.get_context("spawn").Process(target=child, args=sys.argv[1:], daemon=True)
    one.start()
    one.join()
    print(one.exitcode, flush=True)
"""


def child(tmp_path: Path, how: str) -> tuple[subprocess.Popen[str], int]:
    """A command, and its training process, which is at work."""
    script = tmp_path / "script.py"
    script.write_text(CHILD, encoding="utf-8")
    process = start([sys.executable, str(script), how], env=ENVIRONMENT)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


@LINUX
@pytest.mark.parametrize("how", ["swallow", "lock", "thread"])
def test_no_training_process_outlives_a_command_that_is_killed(tmp_path: Path, how: str) -> None:
    """Neither one that takes what asks it to end for an error of its own, nor one that hangs in native code."""
    process, pid = child(tmp_path, how)
    process.kill()
    until(lambda: not alive(pid), seconds=5)


@LINUX
def test_a_training_process_that_swallows_its_end_ends_all_the_same(tmp_path: Path) -> None:
    process, pid = child(tmp_path, "swallow")
    os.kill(pid, signal.SIGTERM)
    assert process.communicate(timeout=30) == (f"{pid}\n143\n", "")


COMMAND = """
import os, signal, sys
from benchmarks.runner.processes.signals import Signalled, command

command.listen()
try:
    with command.held():
        os.kill(os.getpid(), int(sys.argv[1]))
        print("held")
    print("ignored")
except Signalled as asked:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(os.getpid(), number)
    print(asked.word, asked.code)
"""


@pytest.mark.parametrize(("number", "said"), [(2, "Interrupted 130"), (15, "Terminated 143"), (1, "Hung up 129")])
def test_the_first_signal_is_answered_and_later_ones_change_nothing(number: int, said: str) -> None:
    process = start([sys.executable, "-c", COMMAND, str(number)], env=ENVIRONMENT)
    assert process.communicate(timeout=30) == (f"held\n{said}\n", "")
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_was_ignored_from_the_start_stays_ignored(number: signal.Signals) -> None:
    """In the background, under nohup."""
    process = start(
        [sys.executable, "-c", COMMAND, str(int(number))],
        env=ENVIRONMENT,
        prepare=lambda: signal.signal(number, signal.SIG_IGN),
    )
    assert process.communicate(timeout=30) == ("held\nignored\n", "")


def test_what_does_not_end_is_ended() -> None:
    program = "import time; from benchmarks.runner.processes import signals as s; s.end_within(0.1, 7); time.sleep(100)"
    assert subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT, timeout=60).returncode == 7


def test_what_is_asked_to_end_has_ten_seconds_in_all() -> None:
    assert signals.TRAINING_SECONDS < signals.POOL_SECONDS < signals.COMMAND_SECONDS < 10


# Python runs it before any program. Whoever imports the module presses Ctrl-C.
SITE = """
import os, signal, sys

class Hook:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["WHERE"]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Hook())
"""


@pytest.mark.parametrize(
    ("module", "code", "err"),
    [
        ("benchmarks.runner.processes.signals", -signal.SIGINT, ""),
        ("benchmarks.commands.stream", 130, "Interrupted.\n"),
        ("cyclopts", 130, "Interrupted.\n"),
        ("benchmarks.commands.listing", 130, "Interrupted.\n"),
    ],
)
def test_ctrl_c_during_the_imports_is_no_traceback(tmp_path: Path, module: str, code: int, err: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(SITE, encoding="utf-8")
    environment = ENVIRONMENT | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{CHECKOUT}", "WHERE": module}
    process = start([sys.executable, "-m", "benchmarks", "list"], env=environment)
    assert process.communicate(timeout=60) == ("", err)
    assert process.returncode == code
