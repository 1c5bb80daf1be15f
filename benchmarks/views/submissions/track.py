"""Defines tracks: rules of tuning, training and ranking, the same for every submission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import methods
from benchmarks.errors import UserError
from benchmarks.runner.tuning.search import VALIDATION, TuningBudget
from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import BASELINE
from methods.errors import unknown
from methods.registry import own
from results.records import Record, journals
from results.records.usable import usable
from results.reproductions import FOLDER as KEPT

REFERENCES = KEPT / "tracks"
"""Folder of results with the reference runs of backpropagation."""


@dataclass(frozen=True)
class Edition:
    """One size of a track.

    scale: of its workloads. targets: by network, the value of the judged metric that the score is the time to.
    seeds: number of ranked runs a network, of the seeds 0 to seeds - 1. budget: of tuning, a network.
    workload: settings of all runs, among them the samples for validation.
    """

    scale: str
    targets: Mapping[str, float]
    seeds: int = 5
    budget: TuningBudget = field(default_factory=lambda: TuningBudget(select=VALIDATION))
    workload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Track:
    """Workloads on one data set and one simulated machine. editions: by name, quickest first."""

    id: str
    title: str
    family: str
    card: str
    devices: int
    editions: Mapping[str, Edition]

    def edition(self, name: str) -> Edition:
        """Returns the edition of this name. Raises UserError where there is none."""
        if name not in self.editions:
            raise UserError(unknown(f"edition of the track {self.id}", name, list(self.editions)))
        return self.editions[name]

    def table(self, edition: str, row: Row) -> Table:
        """Returns the table that a submission trains: backpropagation on one device, and the row. Raises UserError."""
        chosen = self.edition(edition)
        return Table(
            id=f"{self.id}-{edition}",
            title=f"{self.title}: {edition} edition",
            source="this suite's leaderboard (docs/leaderboard.md)",
            family=self.family,
            rows=(BASELINE,) if row.key == BASELINE.key else (BASELINE, row),
            measures=("time_to_target_seconds",),
            networks=tuple(chosen.targets),
            card=self.card,
            devices=self.devices,
            workload=chosen.workload,
            values={},
        )


def references(track: Track, edition: str) -> tuple[Record, ...]:
    """Returns the reference runs of backpropagation of an edition, by network and seed.

    Raises ResultsError where a kept journal cannot be used.
    """
    chosen = track.edition(edition)
    records = [
        record
        for record in _kept()
        if (record.family, record.scale, record.spec.hardware.name) == (track.family, chosen.scale, track.card)
        and record.network in chosen.targets
        and record.method == BASELINE.method
    ]
    return tuple(sorted(records, key=lambda record: (record.network, record.seed)))


@cache
def _kept() -> tuple[Record, ...]:
    return tuple(usable(path, data) for path, data in journals(REFERENCES))


def row_of(what: str, plugin: Path | None) -> tuple[Row, Path | None]:
    """Returns the row of a key or of a file's only method, and the file; None for a method of the suite.

    Executes the plug-in. Raises UserError or MethodError where there is no such row.
    """
    path = Path(what) if what.endswith(".py") else plugin
    names = methods.load_plugin(path.expanduser()) if path is not None else []
    if what.endswith(".py"):
        if len(names) > 1:
            raise UserError(f"{what} has several methods: name one, with --plugin {what}: {', '.join(names)}.")
        what = names[0]
    row = Row.parsed(what)
    if row.workload or row.batch is not None:
        raise UserError(f"{what}: the workload is the track's; a submission has options of its method alone.")
    if row.method in own():
        return row, None
    if path is None:
        raise UserError(f"{row.method} is no method of the suite: name its file with --plugin.")
    return row, path.expanduser().resolve()
