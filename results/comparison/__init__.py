"""Compares two sets of runs, A and B, cell by cell: what changed, and whether that is more than noise.

A cell is one row of one network in one family, with one value for every setting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from results.comparison.changes import SAME, Change, change, value_change
from results.comparison.matching import NO_TABLE, Alone, Forms, SpecDifference, differences, matched
from results.groups import SeedGroup, group
from results.measures import MEASURES, best_measure
from results.records import Record
from results.reproductions import Value


@dataclass(frozen=True, slots=True)
class ComparedCell:
    """A row that both A and B have.

    group: the runs' family, or the table of a reproduction. common: number of seeds that both have. identical: number
    of these with the same losses to the last bit. settings: options in which A and B differ. context: other fields of
    the spec that differ. incidents: runs that did not finish, in words.
    """

    group: str
    network: str
    row: str
    label: str
    changes: tuple[Change, ...]
    common: int = 0
    identical: int = 0
    settings: tuple[SpecDifference, ...] = ()
    context: tuple[SpecDifference, ...] = ()
    incidents: str = ""

    @property
    def unchanged(self) -> bool:
        """Whether all measures are equal and every common seed has the same losses."""
        return self.identical == self.common and all(change.verdict == SAME for change in self.changes)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The cells that A and B share, and the runs that only one of them has (`alone`).

    first, second: the compared runs of A and of B.
    """

    cells: tuple[ComparedCell, ...]
    alone: tuple[Alone, ...]
    first: tuple[Record, ...] = ()
    second: tuple[Record, ...] = ()

    @property
    def tested(self) -> int:
        """Number of measures that were compared by an interval of some width: the others have no noise."""
        return sum(
            change.low is not None and change.low != change.high for cell in self.cells for change in cell.changes
        )


COMPARED = ("seconds_per_epoch", "time_to_best_seconds")
"""Measures that are compared besides the best value and the megabytes sent."""


def compare_runs(first: Iterable[Record], second: Iterable[Record], forms: Forms | None = None) -> Comparison:
    """Compares two sets of runs; runs that neither finished nor diverged are named as incidents.

    forms: fingerprints of equal data sets; rows on different data are not compared.

    Raises:
        ResultsError: a record lacks its clock.
    """
    pairs, alone = matched(group(first), group(second), forms or {})
    runs = (tuple(run for pair in pairs for run in pair[side].complete) for side in (0, 1))
    return Comparison(tuple(_cell(a, b) for a, b in pairs), tuple(alone), *runs)


def compare_values(first: Sequence[Value], second: Sequence[Value]) -> Comparison:
    """Compares values of tables by Welch's interval alone, for a reproduction that keeps no runs."""
    sides = [{value.key: value for value in side} for side in (first, second)]
    alone = [
        Alone(name, value.table, value.network, value.row, value.row, value.n, _missing(value, other))
        for name, values, other in (("A", sides[0], sides[1]), ("B", sides[1], sides[0]))
        for key, value in values.items()
        if key not in other or not _of_one_data(value, other[key])
    ]
    rows: dict[tuple[str, str, str], list[Change]] = {}
    for key, value in sides[0].items():
        if key in sides[1] and _of_one_data(value, sides[1][key]):
            rows.setdefault(key[:3], []).append(value_change(value, sides[1][key]))
    cells = (ComparedCell(table, network, row, row, tuple(changes)) for (table, network, row), changes in rows.items())
    return Comparison(tuple(cells), tuple(dict.fromkeys(alone)))


def same_bits(first: Record, second: Record) -> bool:
    """Whether two runs have the same losses and accuracies at every evaluation, to the last bit."""
    return bool(first.evaluations) and first.status == second.status and _numerics(first) == _numerics(second)


# ---- cells of runs


def _cell(first: SeedGroup, second: SeedGroup) -> ComparedCell:
    a, b = ({run.seed: run for run in seed_group.complete} for seed_group in (first, second))
    common = sorted(a.keys() & b.keys())
    chosen = (a, b)
    if len(common) >= min(2, len(a), len(b)):  # the seeds that both have tell more than all together
        chosen = ({seed: a[seed] for seed in common}, {seed: b[seed] for seed in common})
    settings, context = differences(first.first, second.first)
    sent = MEASURES["sent_megabytes"]
    counted = all(sent.of(run) is not None for run in (*first.complete, *second.complete))
    measures = (best_measure(first.first.judge), *(MEASURES[key] for key in COMPARED), *([sent] if counted else ()))
    return ComparedCell(
        group=first.first.family,
        network=first.first.network,
        row=first.first.row,
        label=str(first.first.labels.method_title or first.first.row),
        changes=tuple(change(measure, *chosen) for measure in measures),
        common=len(common),
        identical=sum(same_bits(a[seed], b[seed]) for seed in common),
        settings=tuple(settings),
        context=tuple(context),
        incidents="; ".join(filter(None, (_incidents("A", first), _incidents("B", second)))),
    )


def _numerics(record: Record) -> list[tuple[str, ...]]:
    names = ("loss", "train_loss", "accuracy_percent", "train_accuracy_percent")
    return [(str(p.epoch), str(p.step), *(repr(p.metrics.get(name)) for name in names)) for p in record.evaluations]


def _incidents(side: str, seed_group: SeedGroup) -> str:
    statuses = dict.fromkeys(run.status for run in seed_group.records if run.status != "finished")
    counts = [f"{sum(run.status == word for run in seed_group.records)} {word}" for word in statuses]
    return f"{side}: {', '.join(counts)}" if counts else ""


# ---- values of tables


def _of_one_data(first: Value, second: Value) -> bool:
    """Whether both values are of the same data; True where one of them does not say."""
    return not (first.data and second.data) or first.data == second.data


def _missing(value: Value, other: Mapping[tuple[str, str, str, str], Value]) -> str:
    if value.key in other:
        return f"its data have the fingerprint {value.data}, the other's {other[value.key].data}"
    if not any(key[0] == value.table for key in other):
        return NO_TABLE
    same = any(key[:3] == value.key[:3] for key in other)
    return "the other lacks a measure" if same else "the other has no values of this row"
