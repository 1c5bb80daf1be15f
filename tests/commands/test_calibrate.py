"""`calibrate` on a device that is pretended: what its seconds are, and in which precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from benchmarks.commands import calibrate
from benchmarks.hardware.cards import load


class Clock:
    """The device's: 0.25 s go by at every action, 40 s at every synchronisation, as on a host that is busy."""

    now = 0.0
    waited = 0

    def synchronize(self, device: torch.device | None = None) -> None:
        self.now += 40.0
        self.waited += 1


class Event:
    clock: Clock

    def __init__(self, *, enable_timing: bool = False) -> None:
        assert enable_timing, "else it has no time"
        self.time, self.recorded = 0.0, 0

    def record(self) -> None:
        self.time, self.recorded = self.clock.now, self.clock.waited

    def elapsed_time(self, end: Event) -> float:
        """Milliseconds."""
        assert self.clock.waited > end.recorded, "the device may not have come to the end"
        return 1000 * (end.time - self.time)


def test_seconds_on_cuda_are_the_devices_without_the_hosts_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(Event, "clock", clock, raising=False)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", clock.synchronize)

    def action() -> None:
        clock.now += 0.25

    assert calibrate._median(action, torch.device("cuda")) == 0.25
    assert clock.waited >= 2 * calibrate.ROUNDS, "before as well: what was asked for earlier is over"


def test_a_machine_is_measured_as_it_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the workload's precision, whatever torch does by default; and the card says which."""
    seen: set[tuple[bool, bool]] = set()

    def median(action: Any, device: torch.device) -> float:
        seen.add((torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32))
        return 1.0

    monkeypatch.setattr(calibrate, "_median", median)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    calibrate.calibrate("smoke", "cpu", tmp_path, Console(quiet=True))
    assert seen == {(False, False)}
    assert any("in float32, TF32 off" in note for note in load("this-machine", out=tmp_path).notes)
