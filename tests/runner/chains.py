"""One run in several parts: ended at checkpoints, and gone on with by trainings that know nothing of each other."""

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
    """Makes runs of the conformance suite."""

    def make() -> tuple[Training, RunSpec]:
        made = Small(method, options, **how)
        return made, made.spec

    return make


class Ended(Exception):
    """The process is no more."""


class Ending(Checkpoints):
    """Ends the run after so many checkpoints, each of which is on the disk by then."""

    ends_after: int | None = None

    def offer(self, take: Callable[[], Checkpoint]) -> None:
        super().offer(take)
        if self.ends_after is not None:
            self.ends_after -= 1
            if not self.ends_after:
                raise Ended


class Chain:
    """One run in many parts, each with a training, a journal and a keeper of its own."""

    def __init__(self, out: Path, make: Make) -> None:
        self.out, self.make = out, make
        self.said: list[str] = []
        self.bits: tuple[str, float | None] | None = None
        self.training: Training | None = None

    def part(self, *, ends_after: int | None) -> Record | None:
        """Train on until so many checkpoints have been written, or to the end -> then the record."""
        training, spec = self.make()
        self.training = training
        checkpoints = Ending(self.out, ID, environment={}, every_seconds=0, say=self.said.append)
        checkpoints.ends_after = ends_after
        folder = folder_of(self.out, ID)
        with pytest.MonkeyPatch.context() as patch, suppress(Ended):
            patch.setattr(training_module, "Training", lambda *given, **named: training)
            with Journal.create(folder, id=ID, spec=spec, environment={}, labels=Labels()) as journal:
                training_module.train(spec, journal, data=data(), card=None, checkpoints=checkpoints)
            self.bits = bits(training.team), training.executor.now
            return read(folder / JOURNAL)
        return None

    def parts(self) -> Iterator[Record | None]:
        """Until the run has ended, which the last one is."""
        while (record := self.part(ends_after=1)) is None:
            yield None
        yield record


def outcome(record: Record | None) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """Returns all of a run that repeats: everything but real time."""
    assert record is not None
    assert record.end is not None
    points = [
        {"step": point.step, **{name: value for name, value in point.metrics.items() if name not in REAL_TIME}}
        for point in record.evaluations
    ]
    return points, {name: value for name, value in record.end.items() if name not in {*REAL_TIME, "ended"}}


def check_chain(out: Path, make: Make) -> tuple[Chain, Record, int]:
    """Ended at every checkpoint, it ends as if it never had been -> the whole run, its record, how often it ended."""
    whole, cut = Chain(out / "whole", make), Chain(out / "cut", make)
    expected = whole.part(ends_after=None)
    *interrupted, resumed = cut.parts()
    assert outcome(resumed) == outcome(expected)
    assert cut.bits == whole.bits
    assert cut.said == whole.said == []
    assert not (folder_of(cut.out, ID) / "checkpoints").exists()
    return whole, sure(expected), len(interrupted)
