"""Methods of a user's own that do what no method should: each fails its run, by name, and with file and line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.faults.counting import Attempt
from tests.faults.faults import SMALL, Command

pytestmark = pytest.mark.faults
STALL_AFTER = 3.0
METHODS = """
import sys, threading, time
from methods import Channel, Close, Get, NextBatch, Put, Worker, register
from methods.bp import Backpropagation


class Bad(Backpropagation):
    def workers(self, team):
        yield Worker(self.work(team.replica), device=0, role="worker")


@register(title="Raises", source="here", name="raises")
class Raises(Bad):
    def work(self, replica):
        yield NextBatch(replica)
        raise ValueError("no")  # raises


@register(title="Exits", source="here", name="exits")
class Exits(Bad):
    def work(self, replica):
        yield NextBatch(replica)
        sys.exit(3)  # exits


class Unspeakable(Exception):
    def __str__(self):
        raise ValueError("no text")


@register(title="Unspeakable", source="here", name="unspeakable")
class RaisesUnspeakable(Bad):
    def work(self, replica):
        yield NextBatch(replica)
        raise Unspeakable  # unspeakable


@register(title="Nonsense", source="here", name="nonsense")
class Nonsense(Bad):
    def work(self, replica):
        yield NextBatch(replica)
        yield 3


@register(title="Open", source="here", name="open")
class Open(Bad):
    def workers(self, team):
        losses = Channel(name="losses")
        yield Worker(self.send(team.replica, losses), device=0, role="sender")
        yield Worker(self.take(losses), device=1, role="taker")

    def send(self, replica, losses):
        while (step := (yield NextBatch(replica))) is not None:
            yield Put(losses, step)

    def take(self, losses):
        while (yield Get(losses)) is not None:
            pass


@register(title="Sleeps", source="here", name="sleeps")
class Sleeps(Bad):
    def work(self, replica):
        yield NextBatch(replica)
        time.sleep(1000)  # sleeps


@register(title="Spins", source="here", name="spins")
class Spins(Bad):
    def work(self, replica):
        yield NextBatch(replica)
        while True: pass  # spins


@register(title="Deadlock", source="here", name="deadlock")
class Deadlock(Bad):
    def work(self, replica):
        yield NextBatch(replica)
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()  # deadlock


@register(title="Swallows", source="here", name="swallows")
class Swallows(Bad):
    def work(self, replica):
        yield NextBatch(replica)
        while True:
            try:
                time.sleep(1000)  # swallows
            except BaseException:
                pass
"""
RAISE = ("raises", "exits", "unspeakable", "nonsense", "open")
HANG = ("sleeps", "spins", "deadlock", "swallows")


def failures(folder: Path, executor: str, methods: tuple[str, ...], *options: str) -> dict[str, dict[str, str]]:
    """The ends in the journals, by method."""
    plugin = folder / "bad.py"
    plugin.write_text(METHODS, encoding="utf-8")
    grid = ("run", "table1", f"--method={','.join(methods)}", "--network=resnet18", "--seeds=1", "--jobs=1", *SMALL)
    with Command(folder, *grid, f"--plugin={plugin}", f"--executor={executor}", "--no-tracking", *options) as command:
        outcome = command.wait()
    assert (outcome.code, outcome.survivors, outcome.sentence) == (1, (), "")
    assert len(re.findall(r"^Failed: ", outcome.said, re.MULTILINE)) == len(methods)
    ends = {}
    for path in (folder / "out").glob("runs/*/journal.jsonl"):
        head, *_, end = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        ends[head["spec"]["method"]["name"]] = end
    assert set(ends) == set(methods)
    return ends


def line_of(name: str) -> int:
    """Line of the plug-in where the method does it."""
    return next(number for number, line in enumerate(METHODS.splitlines(), 1) if line.endswith(f"  # {name}"))


@pytest.mark.fault("plug-in-raises")
@pytest.mark.parametrize("executor", ["virtual", "threads"])
def test_what_raises_is_named_with_file_and_line(attempt: Attempt, tmp_path: Path, executor: str) -> None:
    for name, end in failures(tmp_path, executor, RAISE).items():
        assert end["status"] == "failed"
        assert ("sender" if name == "open" else "worker") + " 0 on device 0" in end["reason"] or name == "open"
        if name not in ("open", "nonsense"):
            assert f'bad.py", line {line_of(name)}' in end["traceback"]
        attempt.cases += 1


@pytest.mark.fault("plug-in-hangs")
@pytest.mark.parametrize("executor", ["virtual", "threads"])
def test_what_hangs_is_named_with_file_and_line(attempt: Attempt, tmp_path: Path, executor: str) -> None:
    for name, end in failures(tmp_path, executor, HANG, f"--stall-after={STALL_AFTER:g}").items():
        assert (end["status"], "worker 0 on device 0 in the method's own code" in end["reason"]) == ("failed", True)
        (silent,) = re.findall(r"no progress for (\d+) s", end["reason"])
        attempt.took(float(silent) - STALL_AFTER)
        assert f'bad.py", line {line_of(name)}' in end["traceback"]
        attempt.cases += 1
