"""Processes that are killed, stopped or asked to end."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.faults.counting import Attempt
from tests.faults.faults import Command, readable, training

pytestmark = pytest.mark.faults
KILLED = "its process was killed (out of memory?)"
KILLS = 5  # of one command: each costs a process its imports


@pytest.mark.fault("child-killed")
def test_killed_children_are_found_and_the_last_run_goes_on(attempt: Attempt, tmp_path: Path) -> None:
    with Command(tmp_path, *training(epochs=12, seeds=KILLS + 1)) as command:
        for seed in range(KILLS):
            command.at(epoch=1, seed=seed, seconds=attempt.random.uniform(0, 0.2)).kill("child")
            command.at(output=f"seed {seed}: failed")
            attempt.took(time.monotonic() - command.since)
            attempt.cases += 1
        outcome = command.wait()
    assert (outcome.code, outcome.survivors) == (1, ())
    assert outcome.statuses == {**dict.fromkeys(range(KILLS)), KILLS: "finished"}
    assert len(re.findall(rf"^Failed: .*{re.escape(KILLED)}", outcome.said, re.MULTILINE)) == KILLS


HALF_A_LINE = """
import os, signal
from pathlib import Path
from results.records import journal

write_all = journal._write_all

def half(file, data):
    if b'"epoch":3,' in data and b'"epochs"' not in data and not Path("killed").exists():
        Path("killed").touch()
        write_all(file, data[:len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    write_all(file, data)

journal._write_all = half
"""


@pytest.mark.fault("child-killed-writing")
def test_half_a_line_is_no_line(attempt: Attempt, tmp_path: Path) -> None:
    arguments = training(epochs=4)
    with Command(tmp_path, *arguments, inject=HALF_A_LINE) as command:
        first = command.wait()
    assert (first.code, first.statuses, first.survivors) == (1, {0: None}, ())
    assert KILLED in first.said
    with Command(tmp_path, *arguments, inject=HALF_A_LINE) as command:
        rerun = command.wait()
    assert (rerun.code, rerun.statuses) == (0, {0: "finished"})


IGNORED = partial(signal.signal, signal.SIGINT, signal.SIG_IGN)


@pytest.mark.fault("parent-killed")
@pytest.mark.parametrize("before", [lambda: None, IGNORED], ids=["", "SIGINT ignored"])
def test_no_child_outlives_the_command(attempt: Attempt, tmp_path: Path, before: Callable[[], object]) -> None:
    with Command(tmp_path, *training(epochs=200), before=before) as command:
        outcome = command.at(seconds=attempt.random.uniform(0.5, 6)).kill().wait(survivors_after=5.0)
    assert outcome.survivors == ()


SWALLOWS = """
import time
from collections.abc import Callable
from functools import partial
from benchmarks.runner import training

def stuck(self, at):
    while True:
        try:
            time.sleep(1000)
        except BaseException:
            pass

training.Training.until = stuck
"""
HOLDS_THE_LOCK = """
import ctypes
from benchmarks.runner import training

training.Training.until = lambda self, at: ctypes.PyDLL(None).sleep(1000)
"""


@pytest.mark.fault("parent-killed-child-stuck")
@pytest.mark.parametrize("inject", [SWALLOWS, HOLDS_THE_LOCK], ids=["swallows", "holds the lock"])
def test_nor_does_one_that_hears_nothing(attempt: Attempt, tmp_path: Path, inject: str) -> None:
    with Command(tmp_path, *training(), inject=inject) as command:
        command.at(when=lambda: bool(readable(command.out)), seconds=1.0)
        assert len(command.pids("child")) == 1
        outcome = command.kill().wait(survivors_after=5.0)
    assert outcome.survivors == ()


@pytest.mark.fault("asked-to-end")
@pytest.mark.parametrize(
    ("number", "word"), [(signal.SIGINT, "Interrupted"), (signal.SIGTERM, "Terminated"), (signal.SIGHUP, "Hung up")]
)
def test_who_is_asked_to_end_says_so_and_ends(attempt: Attempt, tmp_path: Path, number: int, word: str) -> None:
    with Command(tmp_path, *training(epochs=400)) as command:
        outcome = command.at(epoch=2, seconds=attempt.random.uniform(0, 0.5)).send(number).wait()
    attempt.took(outcome.seconds)
    assert (outcome.code, outcome.survivors) == (128 + number, ())
    assert outcome.sentence.startswith(f"{word}: 0 of 1 run done and kept")
    assert outcome.statuses == {0: "interrupted"}


@pytest.mark.fault("asked-to-end-at-once")
def test_who_is_asked_at_once_says_no_traceback(attempt: Attempt, tmp_path: Path) -> None:
    with Command(tmp_path, *training(epochs=400)) as command:
        number = attempt.random.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
        outcome = command.at(seconds=attempt.random.uniform(0, 3)).send(number).wait()
    attempt.took(outcome.seconds)
    assert outcome.code in (128 + number, -number)  # the latter before anything of ours has run
    assert outcome.survivors == ()


@pytest.mark.fault("signal-ignored")
def test_a_signal_that_was_ignored_from_the_start_stays_so(attempt: Attempt, tmp_path: Path) -> None:
    """Starts like `nohup ... &`: SIGINT changes nothing, SIGTERM ends it."""
    with Command(tmp_path, *training(epochs=400), before=IGNORED) as command:
        command.at(epoch=2).send(signal.SIGINT, "all").at(epoch=5)
        outcome = command.send(signal.SIGTERM).wait()
    attempt.took(outcome.seconds)
    assert (outcome.code, outcome.statuses, outcome.survivors) == (143, {0: "interrupted"}, ())


@pytest.mark.fault("child-stopped")
def test_a_stopped_child_is_named_and_the_next_run_goes_on(attempt: Attempt, tmp_path: Path) -> None:
    with Command(tmp_path, *training("--stall-after=3", epochs=30, seeds=2)) as command:
        command.at(epoch=2, seed=0, seconds=attempt.random.uniform(0, 0.2)).stop("child").at(output="seed 0: failed")
        attempt.took(time.monotonic() - command.since - 3)
        outcome = command.wait()
    assert (outcome.code, outcome.statuses, outcome.survivors) == (1, {0: None, 1: "finished"}, ())
