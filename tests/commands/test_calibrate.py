"""`calibrate` on a device that is pretended: what its seconds are, and in which precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from benchmarks.commands import calibrate
from benchmarks.hardware.cards import load


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
