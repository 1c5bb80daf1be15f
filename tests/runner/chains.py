"""Trains a run in several parts: each ends at a checkpoint, and the next training only knows that checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from benchmarks.runner import training as training_module
from benchmarks.runner.checkpoints.file import Checkpoint
from benchmarks.runner.checkpoints.keeper import Checkpoints
from benchmarks.runner.training import Training
from results.records import JOURNAL, Record, folder_of, read
from results.records.journal import Journal
from results.records.spec import Labels, RunSpec
from tests.conformance.small import Small, bits, data
from tests.sure import sure

REAL_TIME = {"train_seconds", "wall_seconds"}
ID = "run"

Make = Callable[[], tuple[Training, RunSpec]]


def small(method: str, options: Mapping[str, Any] | None = None, **how: Any) -> Make:
    """Returns a function that makes small runs, as the conformance suite does."""

    def make() -> tuple[Training, RunSpec]:
        training = Small(method, options, **how)
        return training, training.spec

    return make


class Ended(Exception):
    """Simulates the end of the process."""


class Ending(Checkpoints):
    """Ends the run after so many checkpoints have been written to disk."""

    ends_after: int | None = None

    def offer(self, take: Callable[[], Checkpoint]) -> None:
        super().offer(take)
        if self.ends_after is not None:
            self.ends_after -= 1
            if not self.ends_after:
                raise Ended


class Chain:
    """One run in many parts, each with its own training, journal and keeper."""

    def __init__(self, out: Path, make: Make) -> None:
        self.out, self.make = out, make
        self.said: list[str] = []
        self.bits: tuple[str, float | None] | None = None
        self.training: Training | None = None

    def part(self, *, ends_after: int | None) -> Record | None:
        """Trains until so many checkpoints have been written, or to the end -> the record."""
        training, spec = self.make()
        self.training = training
        checkpoints = Ending(self.out, ID, environment={}, every_seconds=0, say=self.said.append)
        checkpoints.ends_after = ends_after
        folder = folder_of(self.out, ID)
        with pytest.MonkeyPatch.context() as patch, suppress(Ended):
            patch.setattr(training_module, "Training", lambda *args, **kwargs: training)
            with Journal.create(folder, id=ID, spec=spec, environment={}, labels=Labels()) as journal:
                training_module.train(spec, journal, data=data(), card=None, checkpoints=checkpoints)
            self.bits = bits(training.team), training.executor.now
            return read(folder / JOURNAL)
        return None

    def parts(self) -> Iterator[Record | None]:
        """Trains part after part until the run has ended; the last record is complete."""
        while (record := self.part(ends_after=1)) is None:
            yield None
        yield record


def outcome(record: Record | None) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """Returns everything of a run that repeats, that is, all but real time."""
    assert record is not None
    assert record.end is not None
    points = [
        {"step": point.step, **{name: value for name, value in point.metrics.items() if name not in REAL_TIME}}
        for point in record.evaluations
    ]
    return points, {name: value for name, value in record.end.items() if name not in {*REAL_TIME, "ended"}}


def check_chain(out: Path, make: Make) -> tuple[Chain, Record, int]:
    """Checks that ending a run at every checkpoint does not change it -> the whole run, its record, number of ends."""
    uninterrupted, cut = Chain(out / "whole", make), Chain(out / "cut", make)
    expected = uninterrupted.part(ends_after=None)
    *interrupted, resumed = cut.parts()
    assert outcome(resumed) == outcome(expected)
    assert cut.bits == uninterrupted.bits
    assert cut.said == uninterrupted.said == []
    assert not (folder_of(cut.out, ID) / "checkpoints").exists()
    return uninterrupted, sure(expected), len(interrupted)
