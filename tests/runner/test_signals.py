"""Ends of a command and its training processes: by signals or a killed parent, at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.commands import CHECKOUT, alive, until
from tests.programs import start

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(CHECKOUT)}

# A training process without what it takes seconds to import. lock: native code that keeps Python's lock to itself.
CHILD = """
import ctypes, multiprocessing, os, signal, sys, time
from benchmarks.runner.processes import signals
from results import children


def child(how):
    signals.training.listen([signal.SIGTERM], signals.Terminated, 0.2)
    if how == "thread":  # as where the kernel does not do it
        children.GRACE_SECONDS, children._killed_with_parent = 0.2, lambda: False
    children.follow_parent()
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
    """Starts a command with a training process that is busy."""
    script = tmp_path / "script.py"
    script.write_text(CHILD, encoding="utf-8")
    process = start([sys.executable, str(script), how], env=ENVIRONMENT)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


@LINUX
@pytest.mark.parametrize("how", ["swallow", "lock", "thread"])
def test_no_training_process_outlives_a_command_that_is_killed(tmp_path: Path, how: str) -> None:
    """Not even one that mistakes the signal for its own error, or hangs in native code."""
    process, pid = child(tmp_path, how)
    process.kill()
    until(lambda: not alive(pid))


@LINUX
def test_a_training_process_that_swallows_its_end_ends_all_the_same(tmp_path: Path) -> None:
    process, pid = child(tmp_path, "swallow")
    os.kill(pid, signal.SIGTERM)
    out, err = process.communicate(timeout=300)
    assert (set(out.split()), err) == ({str(pid), "143"}, "")


COMMAND = """
import os, signal, sys
from benchmarks.runner.processes.signals import Signalled, command, of_commands

command.listen(of_commands())
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
    assert process.communicate(timeout=300) == (f"held\n{said}\n", "")
    assert process.returncode == 0


# Asks this process to end where Python, or some code, drops what the handler raises.
LOSE = """
import ctypes, os, signal, time, weakref


class Thing:
    pass


class Deleted:
    def __del__(self):
        ask()


def ask(_=None):
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(1000):  # the handler runs between two of these, at the latest
        pass


def lose(how):
    if how == "weakref":
        thing = Thing()
        kept = weakref.ref(thing, ask)
        del thing
    elif how == "del":
        Deleted()
    elif how == "C":
        ctypes.CFUNCTYPE(None)(ask)()
    elif how == "swallowed":
        try:
            ask()
        except BaseException:
            pass
"""
LOSSES = ["weakref", "del", "C", "swallowed"]

LOSING = f"""{LOSE}
import sys
from benchmarks.runner.processes import signals

signals.command.listen([signal.SIGTERM], seconds=1e6)  # nobody waits for the deadline
try:
    lose(sys.argv[1])
    print("lost")
    time.sleep(1e6)
except signals.Signalled as error:
    asked = signals.signalled(error)
    print(asked.word, asked.code)
time.sleep(3 * signals.AGAIN_SECONDS)
"""


@pytest.mark.parametrize("how", LOSSES)
def test_a_request_that_is_lost_is_raised_again(how: str) -> None:
    """Until it is answered."""
    process = start([sys.executable, "-c", LOSING, how], env=ENVIRONMENT)
    assert process.communicate(timeout=300) == ("lost\nTerminated 143\n", "")


# A training process that is asked to end once, at one of its stages, and then has no end of its own.
STAGES = f"""{LOSE}
import atexit, multiprocessing, sys
from pathlib import Path
from types import SimpleNamespace
from benchmarks.runner.processes import process, signals
from benchmarks.runner.processes.messages import Ended, Setting


def lose_for_ever():
    lose(sys.argv[2])
    time.sleep(1e6)


def prepare(setting):
    if sys.argv[1] == "prepared":
        lose_for_ever()
    return ""


def carry_out(parent, setting, begin, loaded, watch):
    try:
        if sys.argv[1] == "trains":
            lose_for_ever()
    except signals.Terminated:
        print("heard", flush=True)
        raise
    return Ended("", "finished")


def child(pipe):
    signals.TRAINING_SECONDS = 1e6
    process.prepare = prepare
    if sys.argv[1] == "ends":
        atexit.register(lose_for_ever)
    process.carry_out = carry_out
    process.main(pipe, Setting(Path(), None, {{}}, (), {{}}))


if __name__ == "__main__":
    ours, theirs = multiprocessing.Pipe()
    one = multiprocessing.get_context("spawn").Process(target=child, args=(theirs,), daemon=True)
    one.start()
    theirs.close()
    ours.send(SimpleNamespace(id="the run's"))
    if sys.argv[1] == "ends":
        ours.recv()
        ours.close()
    one.join()
    print(one.exitcode, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "said"), [("prepared", ""), ("trains", "heard\n"), ("ends", "")])
@pytest.mark.parametrize("how", LOSSES)
def test_a_training_process_loses_no_request_at_any_stage(tmp_path: Path, stage: str, said: str, how: str) -> None:
    """Only a process that trains has something to write first; otherwise it ends at once."""
    script = tmp_path / "script.py"
    script.write_text(STAGES, encoding="utf-8")
    process = start([sys.executable, str(script), stage, how], env=ENVIRONMENT)
    assert process.communicate(timeout=300) == (f"{said}143\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_was_ignored_from_the_start_stays_ignored(number: signal.Signals) -> None:
    """Checks a command in the background or under nohup, whose signals are ignored."""
    process = start(
        [sys.executable, "-c", COMMAND, str(int(number))],
        env=ENVIRONMENT,
        prepare=lambda: signal.signal(number, signal.SIG_IGN),
    )
    assert process.communicate(timeout=300) == ("held\nignored\n", "")


def test_a_process_ends_within_the_set_seconds() -> None:
    program = "import time; from results import children; children.end_within(0.1, 7); time.sleep(100)"
    assert subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT, timeout=300).returncode == 7


# Python runs it before any program. Whoever imports the module presses Ctrl-C: if so asked, in a weakref callback, or
# where a library puts an error of its own in the place of the exception, as pydantic's core does.
SITE = """
import os, signal, sys, weakref

def press(_=None):
    os.kill(os.getpid(), signal.SIGINT)

class Hook:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["WHERE"]:
            if "LOST" in os.environ:
                kept = weakref.ref(Hook(), press)
            else:
                try:
                    press()
                except BaseException as error:
                    if "REPLACED" in os.environ:
                        raise RuntimeError("cannot build the class") from error
                    raise

sys.meta_path.insert(0, Hook())
"""


@pytest.mark.parametrize("lost", [{}, {"LOST": "1"}, {"REPLACED": "1"}], ids=["heard", "lost", "replaced"])
@pytest.mark.parametrize(
    ("module", "code", "err"),
    [
        ("benchmarks.runner.processes.signals", -signal.SIGINT, ""),
        ("benchmarks.commands.listing", 130, "Interrupted.\n"),
    ],
)
def test_ctrl_c_during_the_imports_is_no_traceback(
    tmp_path: Path, module: str, code: int, err: str, lost: dict[str, str]
) -> None:
    """It is not lost either if Python drops the exception or a library replaces it, however soon the program ends."""
    (tmp_path / "sitecustomize.py").write_text(SITE, encoding="utf-8")
    environment = ENVIRONMENT | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{CHECKOUT}", "WHERE": module, **lost}
    process = start([sys.executable, "-m", "benchmarks", "list"], env=environment)
    out, errors = process.communicate(timeout=300)
    assert (process.returncode, errors) == (code, err)
    assert not out or lost
