"""A run that another command trains is requested again, once, when it is free."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.runner.choices import Choices
from benchmarks.runner.processes import pool
from benchmarks.runner.processes.messages import Busy, Event
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from results.records import folder_of
from results.records.lease import Lease


def test_a_busy_run_is_asked_for_when_its_lease_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "POLL_SECONDS", 0.0)
    events: list[Event] = []
    free, held = resolve(table("table3"), Choices(seeds=(0,))).runs[:2]
    busy = pool.BusyRuns(tmp_path, (free, held), events.append)
    for run in (free, held):
        folder_of(tmp_path, run.id).mkdir(parents=True)
        busy.hear(Busy(run.id, "elsewhere"))
    lease = Lease.take(folder_of(tmp_path, held.id))
    try:
        assert busy.freed() == [free]
        assert busy.freed() == []
    finally:
        lease.release()
    assert busy.freed() == [held]
    assert len(events) == 2
