"""Replays of recorded runs: the bits of the run, and errors that name where another schedule does not fit."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import methods
from benchmarks.errors import UserError
from benchmarks.executors.errors import ScheduleMismatch
from benchmarks.executors.threads.recorder import RecordingExecutor
from results.records import schedule
from results.records.schedule import Part, WorkerSchedule
from tests.conformance.small import EPOCHS, SETTINGS, Small
from tests.executors.recorded import SAME, record, replay

OTHER_PROCESS = """
import sys, torch
from pathlib import Path
from results.records import schedule
from tests.executors.recorded import replay
torch.set_num_threads(1)
print(replay(sys.argv[1], [part for parts in schedule.load(Path(sys.argv[2])) for part in parts]))
"""
VARIANTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("async_lu", {"queue": 4, "backward_workers": 3, "momentum": "per_updater"}),
    ("async_bu", {"updates": "overwrite", "queue": 2}),
    ("lapsgd", {"updaters": 2, "weights": "current", "shares": "dynamic", "bn_buffers": "per_device"}),
    ("pdasgd", {"exchange": "none", "queue": 1}),
    ("async_lu", {"rate": "delay_adaptive", "backward_workers": 3}),
    ("plsgd", {"averages": "weights_and_momentum", "switch": 1.0}),
    ("adpsgd", {"devices": 4, "weights": "current", "shares": "dynamic"}),
    ("pipeline", {"stages": 3, "locking": "forward", "weights": "forward"}),
)


@pytest.mark.parametrize("method", methods.names())
def test_a_replay_has_the_bits_of_the_run(method: str) -> None:
    parts, outcome = record(method)
    assert replay(method, parts) == outcome


@pytest.mark.parametrize(("method", "options"), VARIANTS, ids=lambda value: value if isinstance(value, str) else "")
def test_so_it_does_whatever_the_options(method: str, options: dict[str, Any]) -> None:
    parts, outcome = record(method, options, seed=1)
    assert replay(method, parts, options, seed=1) == outcome


def test_so_it_does_with_adam_drained_within_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The schedule then has several parts per epoch."""
    monkeypatch.setitem(SETTINGS, "optimizer.name", "adam")
    monkeypatch.setitem(SETTINGS, "drain_every", 3)
    parts, outcome = record("lapsgd", {"momentum": "per_updater", "updaters": 2})
    assert len(parts) > EPOCHS
    assert replay("lapsgd", parts, {"momentum": "per_updater", "updaters": 2}) == outcome


@pytest.mark.slow
def test_so_it_does_in_another_process_from_the_file(tmp_path: Path, checkout: Path) -> None:
    parts, outcome = record("async_lu")
    for epoch, part in enumerate(parts, start=1):
        schedule.append(tmp_path, epoch, [part])
    done = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, "async_lu", str(tmp_path)],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == repr(outcome), done.stderr


def test_a_replay_takes_no_thread_but_its_own() -> None:
    parts, _ = record("lapsgd", {"updaters": 2})
    before = set(threading.enumerate())
    thread_sets = list[set[threading.Thread]]()

    class Watching(list[Any]):
        def __getitem__(self, i: Any) -> Any:
            thread_sets.append(set(threading.enumerate()))
            return super().__getitem__(i)

    watched = [{n: replace(w, effects=Watching(w.effects)) for n, w in part.items()} for part in parts]
    replay("lapsgd", watched, {"updaters": 2})
    extra = {thread.name for threads in thread_sets for thread in threads - before}
    assert extra == {"bounded"}  # the test's own, in which the whole epoch runs


def test_a_resumed_run_is_replayed_from_its_beginning() -> None:
    """Versions are counted per epoch, and a checkpoint contains everything else that the rest depends on."""
    first = Small("lapsgd", executor="threads", record=True)
    metrics = first.train(1)
    second = Small("lapsgd", executor="threads", record=True)
    second.resume(first.checkpoint(metrics, 0.0))
    metrics += second.train(EPOCHS - 1, first=1)
    assert isinstance(first.executor, RecordingExecutor)
    assert isinstance(second.executor, RecordingExecutor)
    parts = [*first.executor.take_schedule(), *second.executor.take_schedule()]
    assert replay("lapsgd", parts)[0] == [[evaluation[name] for name in SAME] for evaluation in metrics]


# ---- what does not fit


def changed(parts: Sequence[Part], worker: str, *, epoch: int = 2, **fields: Any) -> list[Part]:
    """Returns the schedule with one field of a worker changed in one epoch; {place: value} changes its items."""
    changed_parts = list(parts)
    part = dict(changed_parts[epoch - 1])
    for name, items in fields.items():
        values = list(getattr(part[worker], name))
        for place, value in items.items():
            values[place] = value
        part[worker] = replace(part[worker], **{name: values})
    changed_parts[epoch - 1] = part
    return changed_parts


FORWARD = "forward 0 on device 0"


def busiest(part: Part, role: str) -> str:
    """Returns the role's worker with most effects, since a slow thread may get no batch."""
    return max((name for name in part if name.startswith(role)), key=lambda name: len(part[name].effects))


recorded = cache(record)
"""Records a run, once for all tests that refuse a changed schedule."""


@pytest.mark.parametrize(
    ("role", "fields", "words"),
    [
        ("forward", {"numbers": {0: 5}}, "at NextBatch: it needs batch 5"),
        ("forward", {"numbers": {1: 77}}, r"at Forward \(stem\): it needs weights of version 77"),
        ("forward", {"numbers": {2: 77}}, r"at Forward \(stem\): .* statistics of version 77, read 0 times \(now 0"),
        ("backward", {"numbers": {2: 77}}, r"at Update \(head\): it needs weights of version 77"),
        ("backward", {"numbers": {3: 77}}, r"at Update \(head\): .* version \d+, read 77 times"),
        ("backward", {"numbers": {0: 77}}, "at Get: it needs item 77 of losses"),
        ("backward", {"effects": {1: "U"}}, "at Backward: the schedule has Update there"),
    ],
)
def test_what_is_changed_is_named_with_worker_effect_and_layer(role: str, fields: Any, words: str) -> None:
    parts, _ = recorded("async_lu")
    worker = busiest(parts[1], role)
    with pytest.raises(ScheduleMismatch, match=f"epoch 2, {worker}, {words}"):
        replay("async_lu", changed(parts, worker, **fields))


def test_workers_epochs_and_effects_that_are_missing_are_named() -> None:
    parts, _ = recorded("async_lu")
    fewer = [{name: worker_schedule for name, worker_schedule in parts[0].items() if name != FORWARD}, *parts[1:]]
    with pytest.raises(ScheduleMismatch, match=f"epoch 1, {FORWARD}: the schedule has no such worker"):
        replay("async_lu", fewer)
    extended = [{**parts[0], "averager": WorkerSchedule()}, *parts[1:]]
    with pytest.raises(ScheduleMismatch, match="epoch 1, averager: the method has no such worker"):
        replay("async_lu", extended)
    with pytest.raises(ScheduleMismatch, match="epoch 3 is not in the schedule"):
        replay("async_lu", parts[:2])
    short = replace(parts[0][FORWARD], effects=parts[0][FORWARD].effects[:-1])
    with pytest.raises(ScheduleMismatch, match=f"epoch 1, {FORWARD}, at Close: the schedule has nothing there"):
        replay("async_lu", [{**parts[0], FORWARD: short}, *parts[1:]])
    long = replace(parts[0][FORWARD], effects=[*parts[0][FORWARD].effects, "N"])
    with pytest.raises(ScheduleMismatch, match=f"epoch 1, {FORWARD}, at Close: it ends, .* 1 more"):
        replay("async_lu", [{**parts[0], FORWARD: long}, *parts[1:]])


def test_another_methods_schedule_is_refused() -> None:
    parts, _ = recorded("async_lu")
    with pytest.raises(ScheduleMismatch, match=r"backward \d on device \d, at Backward: the schedule has Update there"):
        replay("async_bu", parts)


# ---- what is refused, and what costs nothing


def test_lock_free_methods_are_not_recorded() -> None:
    with pytest.raises(UserError, match="lock_free"):
        Small("async_lu", {"lock_free": True}, executor="threads", record=True)
