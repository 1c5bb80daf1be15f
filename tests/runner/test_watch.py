"""A run without progress is reported, and can be given up without damage to its journal."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benchmarks.executors.activity import Activity
from benchmarks.executors.errors import WorkerFailed, WorkersStuck
from benchmarks.runner import training
from benchmarks.runner.processes import messages, process
from benchmarks.runner.processes.messages import Begin, Ended
from benchmarks.runner.processes.watch import Watch, stacks
from benchmarks.runner.run_progress import RunProgress
from methods import Channel, Get, Program, Worker
from results.records import read
from results.records.journal import Journal
from results.records.spec import Labels
from tests.results.samples import spec_of


def waiting() -> Program:
    yield Get(Channel(name="losses"))


LINE = f"tests/runner/test_watch.py:{waiting.__code__.co_firstlineno}"


@dataclass
class Idle:
    """An executor whose workers do what a test sets."""

    activities: list[Activity] = field(default_factory=list)
    now = None

    def resume(self, now: float | None) -> None:
        """Does nothing."""

    def run(self, workers: Any) -> None:
        """Does nothing."""


def at_work(*roles: str) -> tuple[RunProgress, list[Activity]]:
    """A run in training, its workers before their first effect."""
    activities = [Activity(Worker(waiting(), device=0, role=role)) for role in roles]
    return RunProgress("training epoch 2", Idle(activities)), activities


def looks(watch: Watch, seconds: int) -> None:
    for _ in range(seconds):
        watch.look(1.0)


def test_silence_is_said_at_growing_intervals() -> None:
    sentences = list[str]()
    watch = Watch(at_work("forward")[0], sentences.append)
    looks(watch, 300)
    assert [sentence.split(" while ")[0] for sentence in sentences] == [
        f"no progress for {seconds} s" for seconds in (30, 60, 120, 240)
    ]


def test_each_worker_is_named_with_its_effect_and_since_when() -> None:
    run_progress, (forward, backward) = at_work("forward", "backward")
    sentences = list[str]()
    watch = Watch(run_progress, sentences.append)
    backward.effect = Get(Channel(name="losses"))
    for _ in range(10):  # the other one stands still meanwhile
        forward.effect_count += 1
        watch.look(1.0)
    looks(watch, 30)
    assert sentences == [
        "no progress for 30 s while training epoch 2: forward 0 on device 0 before its first effect "
        f"({LINE}) for 30 s; backward 0 on device 0 at Get (losses; {LINE}) for 39 s"
    ]


def test_a_slow_evaluation_names_no_worker_and_its_batches_are_progress() -> None:
    run_progress, sentences = RunProgress("evaluating epoch 3", Idle()), list[str]()
    watch = Watch(run_progress, sentences.append)
    for _ in range(10):
        run_progress.evaluated += 1
        looks(watch, 20)
    assert sentences == []
    looks(watch, 11)
    assert sentences == ["no progress for 30 s while evaluating epoch 3"]


def test_a_run_is_given_up_after_the_seconds_that_were_set() -> None:
    run_progress, (activity,) = at_work("forward")
    given_up, sentences = list[str](), list[str]()
    watch = Watch(run_progress, sentences.append, stall_after=5.0)
    watch.give_up = given_up.append
    for _ in range(10):
        activity.effect_count += 1
        looks(watch, 4)
    assert given_up == []
    watch.look(1.0)
    watch.look(1.0)
    assert given_up == [
        f"no progress for 5 s while training epoch 2: forward 0 on device 0 before its first effect ({LINE}) for 5 s"
    ]


def test_loading_is_never_given_up() -> None:
    """Loading shows no progress, so only its duration is reported."""
    sentences = list[str]()
    watch = Watch(RunProgress(), sentences.append, stall_after=5.0)
    watch.give_up = pytest.fail
    looks(watch, 40)
    assert sentences == ["no progress for 30 s while loading the data"]


def test_the_watch_is_a_thread_that_ends_with_the_run() -> None:
    gave_up = threading.Event()
    watch = Watch(at_work("forward")[0], lambda sentence: None, stall_after=1e-3)
    watch.give_up = lambda sentence: gave_up.set()
    with watch:
        assert gave_up.wait(60)
    assert not [thread for thread in threading.enumerate() if thread.name == "watch"]


def test_stacks_say_where_other_threads_are() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="stuck")
    thread.start()
    try:
        text = stacks()
    finally:
        stop.set()
        thread.join()
    assert "stuck:\n" in text
    assert "in wait" in text
    assert "test_stacks_say" not in text


# ---- giving up


class Exit(Exception):
    """Raised instead of ending the process."""


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal.create(tmp_path / "runs" / "id", id="id", spec=spec_of(), environment={}, labels=Labels())


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    def leave(code: int) -> None:
        raise Exit(code)

    monkeypatch.setattr(os, "_exit", leave)
    return []


class Sending:
    def __init__(self, sent: list[Any]) -> None:
        self.send = self.tell = sent.append


def test_a_run_given_up_has_failed_and_takes_its_process_along(journal: Journal, sent: list[Any]) -> None:
    with pytest.raises(Exit):
        process.give_up(Sending(sent), journal, "id", "no progress")  # type: ignore[arg-type]
    record = read(journal.path)
    assert record.end is not None
    assert (record.status, record.end["reason"]) == ("failed", "no progress")
    assert sent == [Ended("id", "failed", "no progress", with_process=True)]


def test_a_run_that_leaves_threads_behind_takes_its_process_along(
    journal: Journal, sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other run is trained beside a stuck worker; its stack and the cause of the failure are kept."""

    def train(*arguments: Any, **settings: Any) -> str:
        raise WorkersStuck(WorkerFailed("w 0", KeyError("lost")), ["w 1 at Get (losses)"], 10.0)

    monkeypatch.setattr(training, "train", train)
    begin = Begin("id", spec_of(), Labels())
    setting = messages.Setting(Path("out"), None, {}, (), {})
    with pytest.raises(Exit):
        process.train(Sending(sent), setting, begin, None, journal, RunProgress())  # type: ignore[arg-type]
    reason = "Worker 'w 0' failed: KeyError: 'lost'; 10 s later these had not ended: w 1 at Get (losses)"
    assert sent == [Ended("id", "failed", reason, with_process=True)]
    record = read(journal.path)
    assert record.end is not None
    assert (record.status, record.end["reason"]) == ("failed", reason)
    assert "KeyError: 'lost'" in record.end["traceback"]


class Unspeakable(BaseException):
    """An exception that cannot be converted to text, as a plug-in may raise."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize("known", [True, False])
def test_a_run_that_has_ended_is_not_given_up(journal: Journal, sent: list[Any], known: bool) -> None:
    """Whether the journal object knows its end, or has only just written it."""
    if known:
        journal.end("finished")
    else:
        journal._write({"type": "end", "status": "finished", "reason": "", "epochs": 0})
    process.give_up(Sending(sent), journal, "id", "no progress")  # type: ignore[arg-type]
    journal.close()
    assert read(journal.path).status == "finished"
    assert sent == []


def test_giving_up_waits_for_a_line_being_written(journal: Journal, sent: list[Any]) -> None:
    """The run is not given up if that line was its end."""
    thread = threading.Thread(target=process.give_up, args=(Sending(sent), journal, "id", "no progress"))
    with journal.lock:
        thread.start()
        journal.evaluation(1, 20, {"loss": 1.0})
        journal.end("finished")
    thread.join()
    assert [read(journal.path).status, sent] == ["finished", []]
