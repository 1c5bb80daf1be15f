"""Records by method and workload: the seeds that belong together, their target and their values."""

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
"""Seeds from here on are trials of `tune`: a mean over a row's seeds leaves them out."""
Runs = tuple[str, frozenset[str]]
"""A row and the ids of its complete runs, of which a value is taken. No two settings share a run."""
ChanceOf = Callable[[Record], Chance | None]
"""Gives the chance of guessing on a run's data; None where unknown."""
Measured = Mapping[Runs, Mapping[str, Summary]]
"""Measured values of runs by measure; the target stands under "target_percent"."""


@dataclass(frozen=True, slots=True)
class SeedGroup:
    """The seeds of one method with the same options on the same workload: all of the spec but the seed is equal."""

    key: str
    records: tuple[Record, ...]

    @property
    def first(self) -> Record:
        """The record with the lowest seed."""
        return self.records[0]

    @property
    def complete(self) -> tuple[Record, ...]:
        """The records that count: finished or diverged."""
        return tuple(record for record in self.records if record.complete)

    @property
    def experiment(self) -> str:
        """One experiment per family and scale, for example "cifar100 (smoke)"."""
        return f"{self.first.family} ({self.first.scale})"

    @property
    def runs(self) -> Runs:
        """The key that tables' values are held under."""
        return runs_of(self.first.row, self.complete)

    @property
    def context(self) -> str:
        """Digest of what rows that share a target have in common: workload, executor, clock and device."""
        spec = self.first.spec.document()
        return identity({name: spec.get(name) for name in ("workload", "executor", "hardware", "device")})


def unknown_chance(record: Record) -> None:
    """A `ChanceOf` that knows no run's chance."""


def runs_of(row: str, records: Iterable[Record]) -> Runs:
    """The name of these runs of a row, taken together."""
    return row, frozenset(record.id for record in records)


def group(records: Iterable[Record]) -> list[SeedGroup]:
    """Groups of records whose specs differ in the seed alone, by first start, each ordered by seed; without trials."""
    found: dict[str, list[Record]] = {}
    for record in (record for record in records if record.seed < FIRST_TRIAL_SEED):
        found.setdefault(identity([record.spec.document(without=("seed",)), record.row]), []).append(record)
    groups = [SeedGroup(key, tuple(sorted(runs, key=lambda run: run.seed))) for key, runs in found.items()]
    return sorted(groups, key=lambda seed_group: min(record.started for record in seed_group.records))


def targets(
    groups: Sequence[SeedGroup],
    measured: Measured,
    published: Mapping[str, Mapping[Key, Published]],
    chance: ChanceOf = unknown_chance,
) -> dict[str, float]:
    """Target of each group by its key: the measured one, else that of `paper_target` among groups of its context.

    A group has no target where runs that have learnt nothing may reach it.
    """
    contexts: dict[str, dict[str, SeedGroup]] = {}
    for seed_group in groups:  # of two groups in one row, as after a change of the sources, the later one counts
        contexts.setdefault(seed_group.context, {})[seed_group.first.row] = seed_group
    found: dict[str, float] = {}
    for seed_group in groups:
        given = measured.get(seed_group.runs, {}).get(TARGET)
        rows = {row: other.complete for row, other in contexts[seed_group.context].items()}
        if given is not None and given.mean is not None:
            found[seed_group.key] = given.mean
            continue
        target = paper_target(rows, _timed_rows(seed_group, published))
        if target is not None and not against_chance(target, rows, chance(seed_group.first)).near_chance:
            found[seed_group.key] = target.value
    return found


def _timed_rows(seed_group: SeedGroup, published: Mapping[str, Mapping[Key, Published]]) -> set[str]:
    """The rows whose time to a target the paper has, on the group's network."""
    keys = published.get(seed_group.first.family, {})
    return {row for network, row, measure in keys if network == seed_group.first.network and need([measure], "target")}


def values_of(seed_group: SeedGroup, context: Context, measured: Mapping[str, Summary]) -> dict[str, Summary]:
    """The values of a parent: final values under the curves' names, then the measures, a table's over our own."""
    runs = seed_group.complete
    names = dict.fromkeys(name for run in runs if run.evaluations for name in run.evaluations[-1].metrics)
    values = {name: summary([_final(run, name) for run in runs]) for name in names}
    if context.target is not None:
        values[_target_name(seed_group.first)] = Summary(context.target, None, len(runs))
    for known in of_runs():
        its, _ = known.value(runs, context)
        if its is not None and (its.n > its.censored or its.at_least is not None):
            values[known.key] = its
    return values | {name: value for name, value in measured.items() if name != TARGET}


def _target_name(record: Record) -> str:
    """Returns the name of the target: "target_percent" of an accuracy, "target_loss" of a loss."""
    return TARGET if record.judge == ACCURACY else f"target_{record.judge.metric}"


def _final(run: Record, name: str) -> float | None:
    return run.evaluations[-1].metrics.get(name) if run.evaluations else None
