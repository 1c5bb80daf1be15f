"""Runs as tidy data frames, and comparisons of two sets of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.commands.compare import COLUMNS, compared, lines
from benchmarks.commands.compare_sides import Side, side
from benchmarks.errors import UserError
from benchmarks.views.tracked import chance
from methods.errors import unknown
from results import frames
from results.comparison.changes import change
from results.comparison.matching import SpecDifference, differences
from results.groups import SeedGroup, group, targets
from results.measures import MEASURES, Context, Measure, best_measure, named, of_runs
from results.records import Record, of_rows
from results.statistics.budgets import smallest
from results.statistics.resolution import summary_interval

if TYPE_CHECKING:
    from pandas import DataFrame

Place = str | os.PathLike[str]
_SUBJECT = ("family", "network", "row", "method", "scale", "executor", "hardware", "data")


@dataclass(frozen=True)
class Runs:
    """Runs, each by its journal. name: their folder; records: the journals; remarks: sentences on those left out."""

    name: str
    records: tuple[Record, ...]
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        return f"Runs({self.name!r}: {len(self)} runs of {len({record.row for record in self.records})} rows)"

    @cached_property
    def runs(self) -> DataFrame:
        """A row per run and table's row, unfinished ones too; the columns are those of `export` (frames.RUNS):
        identity, row, method, options, data, scale, executor, hardware, seed, status, commit, ..., and each measure.

            ab.load("out").runs.groupby("row").best_accuracy_percent.mean()
        """
        return frames.runs(of_rows(self.records))

    @cached_property
    def evaluations(self) -> DataFrame:
        """A row per run and evaluation: which run, `epoch`, `step`, `samples`, `sent_megabytes`, and every metric:
        `virtual_seconds` (simulated), `train_seconds`, `wall_seconds`, `loss`, `accuracy_percent` (test set), ...

            ab.load("out").evaluations.pivot_table(index="epoch", columns="row", values="loss")
        """
        frame = frames.evaluations(of_rows(self.records))
        batch = {record.id: record.spec.workload.document().get("batch") for record in self.records}
        sent = frame["sent_bytes"] / 1e6 if "sent_bytes" in frame else float("nan")
        return frame.assign(samples=frame["step"] * frame["id"].map(batch).astype("float64"), sent_megabytes=sent)

    @cached_property
    def staleness(self) -> DataFrame:
        """A row per finished run and layer: mean `updates` of others and `seconds` between reading a layer's weights
        and updating them, `reads`, and counts of conflicts (frames.STALENESS)."""
        return frames.staleness(of_rows(self.records))

    def where(self, **columns: Any) -> Runs:
        """Returns the runs whose columns of `runs` have these values, or one of a list's.

            runs.where(network="resnet18", row=["bp", "async_lu"])

        Raises UserError for a name that is no column, or where no run is left.
        """
        frame = self.runs
        for name, wanted in columns.items():
            if name not in frame.columns:
                raise UserError(unknown("column of runs", name, list(frame.columns)))
            listed = wanted if isinstance(wanted, list | tuple | set | frozenset) else [wanted]
            frame = frame[frame[name].isin(list(listed))]
        kept = set(zip(frame["id"], frame["row"], strict=True))
        chosen = tuple(_of_one_row(record) for record in of_rows(self.records) if (record.id, record.row) in kept)
        if not chosen:
            raise UserError(f"No run of {self.name} has {', '.join(f'{k}={v!r}' for k, v in columns.items())}.")
        return replace(self, records=chosen)

    def measures(self, target: float | None = None) -> DataFrame:
        """Returns a row per row of a table and measure: family, network, row, method, scale, executor, hardware, data,
        `measure`, `unit`, `better` ("more" or "less"), `mean`, `low` and `high` (95 % interval), `std`, `n` runs,
        `censored` of which never arrived, `at_least` (lower bound of the mean then), `why` a value is missing, and the
        `ids` of the runs, by which groups of one row and unlike settings are told apart.

            runs.measures(target=60.0).query("measure == 'time_to_target_seconds'")

        target: value to reach, in the unit of what the runs are judged by; by default the table's rule, the best of the
        worst method. What needs BP's runs is left out: `table` has it.
        """
        import pandas as pd

        rows = [row for runs, context in self._contexts(target) for row in _values(runs, context)]
        return pd.DataFrame(rows, columns=[*_SUBJECT, *_VALUE])

    def against(self, row: str = "bp", measure: str | None = None) -> DataFrame:
        """Returns how every other row differs from `row` on the same network and data, by the suite's one rule: seed by
        seed over common seeds, else Welch's interval. Columns: family, network, row, ..., `measure`, `mean`, `against`
        (the mean of `row`), `difference`, `low`, `high` (95 %), `p` (permutation test), `pairs` of seeds, `verdict`
        ("changed", "within noise", "the same", "undecided"), `why`, `settings` of the workload in which the two differ
        (of several groups of `row` the one with the fewest is taken), and `ids` of the runs.

            runs.against("bp", measure="best_accuracy_percent")

        measure: by default the best value, seconds per epoch and megabytes sent. Raises UserError where the row or the
        measure is none.
        """
        import pandas as pd

        groups = group(of_rows(self.records))
        rows = dict.fromkeys(runs.first.row for runs in groups)
        if row not in rows:
            raise UserError(unknown("row", row, rows))
        base = [runs for runs in groups if runs.first.row == row and runs.complete]
        others = [runs for runs in groups if runs.first.row != row and runs.complete]
        pairs = [(runs, nearest) for runs in others if (nearest := _nearest(runs, base)) is not None]
        return pd.DataFrame(
            [_difference(runs, nearest, chosen) for runs, nearest in pairs for chosen in _chosen(runs, measure)]
        )

    def _contexts(self, target: float | None) -> Iterator[tuple[SeedGroup, Context]]:
        groups = group(of_rows(self.records))
        goals = targets(groups, {}, {}, chance)
        for runs in groups:
            beside = (run for other in groups if other.context == runs.context for run in other.complete)
            budgets = {budget: most for budget, (most, _) in smallest(beside).items()}
            goal = goals.get(runs.key) if target is None else target
            yield runs, Context(goal, budgets=budgets, chance=chance(runs.first))


_VALUE = "measure unit better mean low high std n censored at_least why ids".split()


def _values(of: SeedGroup, context: Context) -> Iterator[dict[str, Any]]:
    for definition in of_runs():
        if definition.needs == "baseline":
            continue
        measure = named(definition, of.first.judge)
        value, why = measure.value(of.complete, context) if of.complete else (None, "no run has finished")
        if not why and (value is None or (value.n == value.censored and value.at_least is None)):
            continue  # a measure of another task
        interval = summary_interval(value) if value is not None else None
        ends = measure.possible(interval) if interval is not None else None
        summary = {name: getattr(value, name, None) for name in ("mean", "std", "n", "censored", "at_least")}
        bounds = {"low": ends.low if ends else None, "high": ends.high if ends else None}
        yield {**_subject(of.first), **_name(measure), **summary, **bounds, "why": why, "ids": _ids(of)}


def _ids(of: SeedGroup) -> list[str]:
    return [run.id for run in of.complete]


def _name(measure: Measure) -> dict[str, str]:
    return {"measure": measure.key, "unit": measure.unit, "better": measure.better}


def _subject(record: Record) -> dict[str, Any]:
    own = {"hardware": record.spec.hardware.name, "executor": record.spec.executor}
    own["data"] = record.labels.data_label or record.spec.workload.dataset
    return {name: own.get(name) or getattr(record, name) for name in _SUBJECT}


def _place(record: Record) -> tuple[object, ...]:
    work = record.spec.workload
    return work.family, work.network, work.scale, work.dataset_sha256, record.spec.executor, record.spec.hardware


def _chosen(of: SeedGroup, measure: str | None) -> list[Measure]:
    if measure is None:
        return [best_measure(of.first.judge), MEASURES["seconds_per_epoch"], MEASURES["sent_megabytes"]]
    keys = [definition.key for definition in of_runs() if not definition.needs]
    if measure not in keys:
        raise UserError(unknown("measure", measure, keys))
    return [named(MEASURES[measure], of.first.judge)]


def _difference(of: SeedGroup, base: SeedGroup, measure: Measure) -> dict[str, Any]:
    result = change(measure, *({run.seed: run for run in side.complete} for side in (base, of)))
    compared = {name: getattr(result, name) for name in "difference low high p pairs verdict why".split()}
    means = {"mean": result.second.mean, "against": result.first.mean}
    settings = "; ".join(map(str, _apart(base, of)))
    return {**_subject(of.first), **_name(measure), **means, **compared, "settings": settings, "ids": _ids(of)}


def _nearest(of: SeedGroup, base: Iterable[SeedGroup]) -> SeedGroup | None:
    """Returns the group of the same data, network and clock whose workload differs in the fewest fields."""
    comparable = [runs for runs in base if _place(runs.first) == _place(of.first)]
    return min(comparable, key=lambda runs: len(_apart(runs, of)), default=None)


def _apart(a: SeedGroup, b: SeedGroup) -> list[SpecDifference]:
    """Returns the fields of their workloads in which two groups differ."""
    return [entry for entry in differences(a.first, b.first)[0] if entry.field.startswith("workload.")]


def load(out: Place = "out") -> Runs:
    """Returns all usable runs of a folder of results, in the order of their start.

        ab.load("out")            # a folder of `run`
        ab.load("out@threads")    # those of an executor, a scale, a hardware card, a commit
        ab.load("small")          # the suite's kept runs at scale small; "paper": those at the paper's

    Raises UserError where there is no such folder or no run in it, ResultsError where a file cannot be read.
    """
    folder = side(Path(out))
    if folder.values:
        raise UserError(f"{out} keeps values of tables and no runs: compare it, or load small or paper.")
    return Runs(folder.name, tuple(folder.records), tuple(folder.left_out))


def compare(a: Runs | Place, b: Runs | Place, measure: str | None = None) -> DataFrame:
    """Returns what changed from A to B, row by row, over common seeds where there are two or more (`compare`).

    a, b: runs, or what `load` takes, or a reproduction that has values alone ("smoke"). measure: only this one.
    Columns: group (the family), network, row, measure, mean, std and n of both, `difference` (B less A), `low`, `high`
    (95 %), `ratio`, `p`, `pairs`, `verdict`, `why`, and `settings` and `context` in which the two differ.

        ab.compare("out", "small", measure="best_accuracy_percent")

    A row of one side alone has the verdict "only in A" or "only in B", and no measure.

    Raises UserError as `load`, and where no row of both sides has that measure.
    """
    import pandas as pd

    sides = (Side(of.name, of.records) if isinstance(of, Runs) else side(Path(of)) for of in (a, b))
    first, second, comparison = compared(*sides)
    frame = pd.DataFrame(lines(comparison), columns=list(COLUMNS))
    if measure is None:
        return frame
    if measure not in set(frame["measure"]):
        by = f"they are compared by {', '.join(frame['measure'].dropna().unique())}"
        why = by if comparison.cells else "; ".join(dict.fromkeys(alone.why for alone in comparison.alone))
        raise UserError(f"No row of both {first.name} and {second.name} has {measure}: {why}.")
    return frame[frame["measure"] == measure].reset_index(drop=True)


def of_tables(name: str, records: Iterable[Record]) -> Runs:
    """Returns the runs of tables, each once for each row that shows it."""
    return Runs(name, tuple(map(_of_one_row, {(record.id, record.row): record for record in records}.values())))


def _of_one_row(record: Record) -> Record:
    """Returns a run's record without the other rows that show it."""
    return replace(record, labels=record.labels.model_copy(update={"also": ()}))
