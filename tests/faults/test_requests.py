"""Requests to end that a process could miss, and what a report's processes do when theirs has gone."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from tests.commands.commands import CHECKOUT
from tests.faults.counting import Attempt
from tests.faults.faults import Command, training

pytestmark = pytest.mark.faults
RUNS = CHECKOUT / "results" / "reproductions" / "small" / "runs"
REPORT = ("report", "all", "--network=resnet18")

LOST = """
import multiprocessing, os, signal, weakref
from benchmarks.runner import training
from benchmarks.runner.processes import pool


class Thing:
    pass


def ask(reference):
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(1000):
        pass


def lose():
    thing = Thing()
    kept.append(weakref.ref(thing, ask))


kept = []
until, wait = training.Training.until, pool.wait


def lost_here(self, at):
    if at >= 3 and not kept:
        lose()
    return until(self, at)


def lost_there(pipes, seconds):
    ready = wait(pipes, seconds)
    if ready and not kept and os.path.exists("trains"):
        lose()
    return ready


if WHERE == "child":
    training.Training.until = lost_here
elif multiprocessing.parent_process() is None:
    pool.wait = lost_there
"""


@pytest.mark.fault("request-lost")
def test_a_commands_request_is_not_lost(attempt: Attempt, tmp_path: Path) -> None:
    with Command(tmp_path, *training(epochs=400), inject=f"WHERE = 'parent'\n{LOST}") as command:
        outcome = command.at(epoch=2).do((tmp_path / "trains").touch).wait()
    attempt.took(outcome.seconds)
    assert (outcome.code, outcome.statuses, outcome.survivors) == (143, {0: "interrupted"}, ())
    assert outcome.sentence.startswith("Terminated: 0 of 1 run done and kept")
    assert outcome.sentence.count("\n") == 1


@pytest.mark.fault("request-lost")
def test_nor_is_a_training_process_s(attempt: Attempt, tmp_path: Path) -> None:
    with Command(tmp_path, *training(epochs=400), inject=f"WHERE = 'child'\n{LOST}") as command:
        outcome = command.wait()
    assert (outcome.code, outcome.statuses, outcome.survivors) == (1, {0: "interrupted"}, ())
    assert outcome.sentence == ""
    assert "its process was asked to end, by another than this command" in outcome.said


def report(folder: Path) -> Command:
    """A report of the kept runs, at its pictures."""
    shutil.copytree(RUNS, folder / "out" / "runs", dirs_exist_ok=True)
    command = Command(folder, *REPORT)
    return command.at(when=lambda: len(command.pids("child")) > 0)


@pytest.mark.fault("report-killed")
def test_who_draws_ends_with_the_report(attempt: Attempt, tmp_path: Path) -> None:
    with report(tmp_path) as command:
        outcome = command.at(seconds=attempt.random.uniform(0, 3)).kill().wait(survivors_after=5.0)
    assert outcome.survivors == ()


@pytest.mark.fault("report-asked-to-end")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_report_that_is_asked_to_end_ends(attempt: Attempt, tmp_path: Path, number: int) -> None:
    with report(tmp_path) as command:
        outcome = command.at(seconds=attempt.random.uniform(0, 3)).send(number, "all").wait()
    attempt.took(outcome.seconds)
    assert (outcome.code, outcome.survivors) == (128 + number, ())
    assert outcome.sentence.count("\n") == 1
    folder = tmp_path / "out" / "report"
    assert [path for path in folder.rglob(".*") if path.is_file()] == []
