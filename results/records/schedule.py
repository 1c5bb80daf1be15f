"""Reads and writes the schedule of a recorded run: each worker's effects in order, with their numbers.

`out/runs/<id>/schedule.jsonl` holds a line per epoch, with a checksum (`results.records.lines`), written before the
journal's line of that epoch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from results.errors import ResultsError
from results.files import set_aside, unwritable
from results.reading import MOST_BYTES, content
from results.records.lines import parse, render

SCHEDULE = "schedule.jsonl"
RERUN = ", then run again"


@dataclass(frozen=True, slots=True)
class WorkerSchedule:
    """A worker's effects, one letter each, and their numbers, as many as each kind of effect has."""

    effects: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


Part = Mapping[str, WorkerSchedule]
"""Schedules by worker, from the start of the workers until all have ended: usually an epoch."""


def begin(folder: Path, after: int = 0) -> None:
    """Begins a run's schedule with the first `after` epochs of an earlier one, which is renamed.

    Raises ResultsError where the folder cannot be written, or the earlier schedule has fewer epochs.
    """
    path = folder / SCHEDULE
    try:
        kept = _lines(path)[:after] if after else []
        if len(kept) < after:
            raise ResultsError(f"{path} has {len(kept)} of the {after} epochs before; run again with --fresh.")
        if os.path.lexists(path):
            set_aside(path, "replaced")
        if kept:
            _append(path, b"".join(line + b"\n" for line in kept))
    except OSError as error:
        raise unwritable(path, error, RERUN) from error


def append(folder: Path, epoch: int, parts: Sequence[Part]) -> None:
    """Writes the line of an epoch (1 is the first). Raises ResultsError where it cannot be written."""
    workers = [{name: ["".join(worker.effects), worker.numbers] for name, worker in part.items()} for part in parts]
    line = {"type": "schedule", "run": folder.name, "epoch": epoch, "parts": workers}
    try:
        _append(folder / SCHEDULE, render(line) + b"\n")
    except OSError as error:
        raise unwritable(folder / SCHEDULE, error, RERUN) from error


def load(folder: Path) -> list[list[Part]]:
    """Returns the parts of every epoch. Raises ResultsError if the schedule is missing, damaged or another run's."""
    path = folder / SCHEDULE
    try:
        lines = _lines(path)
    except OSError as error:
        raise ResultsError(f"{path} cannot be read ({error.strerror}): was the run started with --record?") from error
    epochs = []
    for epoch, line in enumerate(lines, start=1):
        try:
            epochs.append(_epoch(parse(line), folder.name, epoch))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ResultsError(f"{path}, line {epoch}: not the schedule of epoch {epoch} ({error}).") from error
    return epochs


def _lines(path: Path) -> list[bytes]:
    *whole, rest = content(path, MOST_BYTES).split(b"\n")
    if rest:
        raise ResultsError(f"{path} was cut within line {len(whole) + 1}: it can be replayed no more.")
    return whole


def _epoch(line: Mapping[str, Any], run: str, epoch: int) -> list[Part]:
    if (line["type"], line["run"], line["epoch"]) != ("schedule", run, epoch):
        raise ValueError(f"it is a {line['type']} line of run {line['run']}, epoch {line['epoch']}")
    return [{name: _worker(*worker) for name, worker in part.items()} for part in line["parts"]]


def _worker(effects: Any, numbers: Any) -> WorkerSchedule:
    if not isinstance(effects, str) or not all(type(number) is int for number in numbers):
        raise ValueError("effects are letters, and their numbers integers")
    return WorkerSchedule(list(effects), list(numbers))


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
