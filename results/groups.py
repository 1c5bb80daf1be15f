"""Groups records by method and workload, and computes each group's target and values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from results.measures import Context, need, of_runs
from results.published import TARGET, Key, Published
from results.records import Record
from results.records.identity import identity
from results.records.spec import ACCURACY
from results.statistics import Summary, against_chance, paper_target, summary
from results.statistics.chance import Chance

FIRST_TRIAL_SEED = 1000
"""Seeds from here on belong to trials of `tune`; groups leave them out."""
Runs = tuple[str, frozenset[str]]
"""A row and the ids of its complete runs, the key of a table's values. Different settings never share a run."""
ChanceOf = Callable[[Record], Chance | None]
"""Returns the accuracy or loss of guessing on a run's data; None if unknown."""
Measured = Mapping[Runs, Mapping[str, Summary]]
"""Values that tables measured, by runs and measure; the target's key is "target_percent"."""


@dataclass(frozen=True, slots=True)
class SeedGroup:
    """The runs of one method with the same options on the same workload: their specs differ in the seed alone."""

    key: str
    records: tuple[Record, ...]

    @property
    def first(self) -> Record:
        """The record with the lowest seed."""
        return self.records[0]

    @property
    def complete(self) -> tuple[Record, ...]:
        """The records that finished or diverged."""
        return tuple(record for record in self.records if record.complete)

    @property
    def experiment(self) -> str:
        """Name of the group's experiment, one per family and scale: "cifar100 (smoke)"."""
        return f"{self.first.family} ({self.first.scale})"

    @property
    def runs(self) -> Runs:
        """Key of the group's values in `Measured`."""
        return runs_of(self.first.row, self.complete)

    @property
    def context(self) -> str:
        """Digest of workload, executor, hardware and device; groups with equal digests share a target."""
        spec = self.first.spec.document()
        return identity({name: spec.get(name) for name in ("workload", "executor", "hardware", "device")})


def unknown_chance(record: Record) -> None:
    """A `ChanceOf` that knows no run's chance."""


def runs_of(row: str, records: Iterable[Record]) -> Runs:
    """Key of a row's runs in `Measured`."""
    return row, frozenset(record.id for record in records)


def group(records: Iterable[Record]) -> list[SeedGroup]:
    """Groups the records that differ in the seed alone, without trials of `tune`.

    Groups are in the order of their first start, records in the order of their seeds.
    """
    by_spec: dict[str, list[Record]] = {}
    for record in records:
        if record.seed < FIRST_TRIAL_SEED:
            by_spec.setdefault(identity([record.spec.document(without=("seed",)), record.row]), []).append(record)
    groups = [SeedGroup(key, tuple(sorted(runs, key=lambda run: run.seed))) for key, runs in by_spec.items()]
    return sorted(groups, key=lambda seed_group: min(record.started for record in seed_group.records))


def targets(
    groups: Sequence[SeedGroup],
    measured: Measured,
    published: Mapping[str, Mapping[Key, Published]],
    chance: ChanceOf = unknown_chance,
) -> dict[str, float]:
    """Returns each group's target by the group's key: the measured one, else `paper_target` of its context's groups.

    A group has no target where runs that have learnt nothing may reach it.
    """
    contexts: dict[str, dict[str, SeedGroup]] = {}
    for seed_group in groups:  # of two groups in one row, as after a change of the sources, the later one counts
        contexts.setdefault(seed_group.context, {})[seed_group.first.row] = seed_group
    target_of: dict[str, float] = {}
    for seed_group in groups:
        measured_target = measured.get(seed_group.runs, {}).get(TARGET)
        rows = {row: other.complete for row, other in contexts[seed_group.context].items()}
        if measured_target is not None and measured_target.mean is not None:
            target_of[seed_group.key] = measured_target.mean
            continue
        target = paper_target(rows, _timed_rows(seed_group, published))
        if target is not None and not against_chance(target, rows, chance(seed_group.first)).near_chance:
            target_of[seed_group.key] = target.value
    return target_of


def _timed_rows(seed_group: SeedGroup, published: Mapping[str, Mapping[Key, Published]]) -> set[str]:
    """Rows for which the paper prints a time to a target, on the group's network."""
    keys = published.get(seed_group.first.family, {})
    return {row for network, row, measure in keys if network == seed_group.first.network and need([measure], "target")}


def values_of(seed_group: SeedGroup, context: Context, measured: Mapping[str, Summary]) -> dict[str, Summary]:
    """Returns a group's values by name: final metrics, then measures. A table's values replace those computed here."""
    runs = seed_group.complete
    names = dict.fromkeys(name for run in runs if run.evaluations for name in run.evaluations[-1].metrics)
    values = {name: summary([_final(run, name) for run in runs]) for name in names}
    if context.target is not None:
        values[_target_name(seed_group.first)] = Summary(context.target, None, len(runs))
    for measure in of_runs():
        value, _ = measure.value(runs, context)
        if value is not None and (value.n > value.censored or value.at_least is not None):
            values[measure.key] = value
    return values | {name: value for name, value in measured.items() if name != TARGET}


def _target_name(record: Record) -> str:
    """Name of the target: "target_percent" for an accuracy, "target_loss" for a loss."""
    return TARGET if record.judge == ACCURACY else f"target_{record.judge.metric}"


def _final(run: Record, name: str) -> float | None:
    return run.evaluations[-1].metrics.get(name) if run.evaluations else None
