"""The runs that a report shows: every journal of a folder that can be read, laid under the tables as chosen."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from benchmarks.errors import UserError
from benchmarks.runner import plan
from benchmarks.runner.choices import Choices
from benchmarks.runner.plan import Run
from benchmarks.tables import registry as tables
from benchmarks.tables.definition import Table
from benchmarks.views.evidence import Evidence, Key
from benchmarks.views.sheets import Sheet
from benchmarks.views.values import measured
from reports.site.verdicts import Seeds
from results import records
from results.errors import ResultsError
from results.records import Record
from results.records.identity import identity
from results.records.spec import RunSpec
from results.statistics import Summary
from results.statistics.censoring import Times, times_to_target

Cell = tuple[str, str, str]
"""(network, row, measure)."""
TIMED: dict[str, Literal["seconds", "epochs"]] = {"time_to_target_seconds": "seconds", "epochs_to_target": "epochs"}
ELSEWHERE = ("sources", "torch")
"""What two runs of the same experiment may differ in: the sources that made them, and torch's version."""


@dataclass(frozen=True)
class Shelf:
    """All journals of a folder. broken: a sentence for each that cannot be read."""

    records: tuple[Record, ...] = ()
    broken: tuple[str, ...] = ()
    taken: set[str] = field(default_factory=set, compare=False)

    @cached_property
    def by_id(self) -> dict[str, Record]:
        return {record.id: record for record in self.records}

    @cached_property
    def by_experiment(self) -> dict[str, Record]:
        """The latest record of every experiment, whatever sources made it."""
        return {_experiment(record.spec): record for record in self.records}

    def of(self, run: Run) -> Record | None:
        """The run's record; else that of the same experiment made by other sources or another torch."""
        found = self.by_id.get(run.id) or self.by_experiment.get(_experiment(run.spec))
        if found is not None:
            self.taken.add(found.id)
        return found

    @property
    def left(self) -> list[Record]:
        """Records that no table as chosen has asked for."""
        return [record for record in self.records if record.id not in self.taken]


def _experiment(spec: RunSpec) -> str:
    return identity(spec.document(without=ELSEWHERE))


def shelf(out: Path) -> Shelf:
    """Read what can be read; a journal that was cut within a line keeps the lines before it."""
    found: list[Record] = []
    broken: list[str] = []
    for path in sorted((out / "runs").glob(f"*/{records.JOURNAL}")):
        try:
            found.append(_usable(records.read(path)))
        except ResultsError as error:
            broken.append(str(error))
    return Shelf(tuple(sorted(found, key=lambda record: (record.started, record.id))), tuple(broken))


def _usable(record: Record) -> Record:
    """Raises ResultsError where a point of the curve has no time."""
    for point in record.evaluations:
        begun = point is not record.evaluations[-1] or (point.step >= 1 and point.epoch >= 1)
        if not (begun and 0 <= point.metrics.get(record.clock, math.nan) < math.inf):
            where = f"{record.path}: epoch {point.epoch} has no usable {record.clock} or step"
            raise ResultsError(f"{where}, so that the run is left out; repeat it with --fresh.")
    return record


def sheets(chosen: Choices, held: Shelf, target: float | None) -> Iterator[Sheet]:
    """Every table with at least one run; its number of seeds is that of the runs that are there."""
    for id in tables.IDS:
        one = tables.table(id)
        try:
            planned = plan.runs(one, chosen)
        except UserError:  # a table of the virtual clock alone has none in real time
            continue
        if (sheet := _sheet(one, chosen, planned, held, target)).records:
            yield sheet


def _sheet(one: Table, chosen: Choices, planned: Sequence[Run], held: Shelf, target: float | None) -> Sheet:
    found: dict[tuple[str, str], list[Record]] = {}
    for run in planned:
        if (record := held.of(run)) is not None:
            key = run.spec.workload.network, run.labels.row
            found.setdefault(key, []).append(record)
    seeds = max((record.seed + 1 for of_row in found.values() for record in of_row), default=chosen.seeds)
    fewer = replace(chosen, seeds=min(seeds, chosen.seeds))
    return Sheet(one, fewer, plan.rows(one, chosen), plan.networks(one, chosen), planned, found, target)


def per_seed(sheet: Sheet) -> dict[Cell, Seeds]:
    """(network, row, measure) -> the value of every seed by itself, under the target of all of them."""
    values: dict[Cell, list[float | None]] = {}
    times: dict[Cell, Times] = {}
    for network in sheet.networks:
        target = sheet.target_of(network)
        percent = target.percent if target is not None else None
        for seed in range(sheet.choices.seeds):
            for key, value in measured(_alone(sheet, network, seed, percent)).items():
                if value.n:
                    values.setdefault(key, []).append(value.mean)
        if percent is not None:
            for row, (measure, unit) in itertools.product(sheet.rows, TIMED.items()):
                times[network, row.key, measure] = times_to_target(sheet.complete(network, row.key), percent, unit)
    return {key: Seeds(found, times.get(key)) for key, found in values.items()}


def _alone(sheet: Sheet, network: str, seed: int, target: float | None) -> Sheet:
    """One network and one seed of a sheet."""
    mine = {key: [one for one in of if one.seed == seed] for key, of in sheet.records.items() if key[0] == network}
    return replace(sheet, networks=(network,), records=mine, target=target)


def strangers(held: Shelf) -> str:
    """What lies in the folder and is in no table as chosen; "" if there is none. Ask once all sheets are made."""
    if not held.left:
        return ""
    kinds = Counter(f"scale {record.scale}, {record.spec.executor} executor" for record in held.left)
    said = "; ".join(f"{count} at {kind}" for kind, count in kinds.items())
    return (
        f"{len(held.left)} of {len(held.records)} runs in the folder belong to no table as chosen here ({said}): "
        "other settings, methods, hardware, data or seeds; name them as `run` was given them to see these runs."
    )


@dataclass(frozen=True)
class Held(Evidence):
    """The claims' evidence from sheets that are there already."""

    sheets: tuple[Sheet, ...] = ()

    @cached_property
    def values(self) -> dict[Key, Summary]:
        return {(sheet.table.id, *key): value for sheet in self.sheets for key, value in measured(sheet).items()}
