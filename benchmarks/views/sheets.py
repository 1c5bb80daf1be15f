"""Sheets: all that a table is made of, its planned runs and those of them that are there (`journals` has the rule)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.executors import registry as executors
from benchmarks.hardware.card import Card
from benchmarks.hardware.cards import load as load_card
from benchmarks.runner import plan
from benchmarks.runner.choices import Choices
from benchmarks.runner.plan import Run
from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import BASELINE
from benchmarks.views.journals import Journals, experiment
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.cards import card as data_card
from benchmarks.workloads.workload import SCALES, Workload, workload
from methods import MethodError
from results import statistics
from results.groups import FIRST_TRIAL_SEED
from results.published import Key, Published
from results.records import Record
from results.statistics.chance import Chance

FEW = 4
"""Origins of runs that a sentence names."""
Records = Mapping[tuple[str, str], Sequence[Record]]  # (network, row key) -> one record per seed


@dataclass(frozen=True)
class Sheet:
    """All that a table is made of. planned: its runs, of which `records` holds those that count.

    choices.seeds are those of the runs that are there, where there are any; asked: the choices as they were made.
    """

    table: Table
    choices: Choices
    rows: Sequence[Row]
    networks: Sequence[str]
    planned: Sequence[Run]
    records: Records
    target: float | None = None  # percent, if the user fixed one
    asked: Choices | None = None

    @property
    def card(self) -> Card | None:
        return plan.card_of(self.table, self.choices)

    @property
    def other_data(self) -> str:
        """What the data are where they are not the paper's, at its scale all of them, in words; "" where they are."""
        if not self.planned:
            return ""
        work = self.planned[0].work
        paper = data_card(work.family)
        known, full = self.planned[0].data, workload(work.family, work.network, "paper")
        taken = [_taken(one, paper) for one in (work, full)]
        if (other := known.unlike(paper)) or work.scale != "paper" or taken[0] == taken[1]:
            return other
        ours, theirs = (" and ".join(f"{count:,}{{}}" for count in pair) for pair in taken)
        return f"{ours.format(' training', ' test')} samples of {paper.title}, not {theirs.format('', '')}"

    @property
    def published(self) -> Mapping[Key, Published]:
        """Published values of the table: none where its data were chosen, and are another set than the scale's.

        A scale's own stand-ins are laid beside the paper's values, and said to be stand-ins.
        """
        if self.planned:
            work, paper = self.planned[0].work, data_card(self.planned[0].work.family)
            others = work.dataset == paper.name and self.planned[0].data.unlike(paper)
            if others or work.dataset != workload(work.family, work.network, work.scale).dataset:
                return {}
        return self.table.published

    @property
    def judged(self) -> bool:
        """Whether claims are: a stand-in's scale says that it is one, and all other data have to be the paper's."""
        stands_in = self.choices.scale != "paper" and data_card(self.planned[0].work.dataset).embedded
        return stands_in or not self.other_data

    @property
    def used(self) -> list[Record]:
        """The records of all rows."""
        return [record for of_row in self.records.values() for record in of_row]

    def of(self, network: str, row: str) -> Sequence[Record]:
        return self.records.get((network, row), ())

    def complete(self, network: str, row: str) -> list[Record]:
        return [record for record in self.of(network, row) if record.complete]

    def baseline(self, network: str, row: str = BASELINE.key) -> list[Record]:
        """BP's runs that the row's are held against: of the same workload, if there is such a row of it."""
        like = next(((one.workload, one.batch) for one in self.rows if one.key == row), None)
        alike = (one.key for one in self.rows if one.method == BASELINE.method and (one.workload, one.batch) == like)
        return self.complete(network, next(alike, BASELINE.key))

    def target_of(self, network: str) -> statistics.Target | None:
        """The paper's rule over the rows that the paper has; all rows where none of those was run, or there is none.

        One that runs may reach that have learnt nothing says so, and is none.
        """
        found = statistics.Target(self.target, "--target") if self.target is not None else self._worst_best(network)
        records = {row: of for (net, row), of in self.records.items() if net == network}
        return statistics.against_chance(found, records, self.chance(network)) if found is not None else None

    def goal_of(self, network: str) -> statistics.Target | None:
        """The target, where it is one."""
        found = self.target_of(network)
        return found if found is not None and not found.near_chance else None

    def _worst_best(self, network: str) -> statistics.Target | None:
        papers = self.published if self.table.file is None else {}
        paper_rows = {row for net, row, _ in papers if net == network}
        per_row = {row.key: self.complete(network, row.key) for row in self.rows}
        return statistics.paper_target(per_row, paper_rows)

    def chance(self, network: str) -> Chance | None:
        """Guessing on the network's data; None where nothing is planned, or there are no classes."""
        planned = next((run for run in self.planned if run.spec.workload.network == network), None)
        return Chance.of(planned.labels) if planned is not None else None


def sheet_of(
    table: Table, chosen: Choices, planned: Sequence[Run], journals: Journals, target: float | None = None
) -> Sheet:
    """planned: the table's runs as chosen."""
    found: dict[tuple[str, str], list[Record]] = {}
    for run in planned:
        if (record := journals.of(run)) is not None:
            key = run.spec.workload.network, run.labels.row
            found.setdefault(key, []).append(_as_row(record, run))
    seeds = {record.seed for of_row in found.values() for record in of_row}
    there = replace(chosen, seeds=tuple(sorted(seeds)) or chosen.seeds)
    return Sheet(table, there, plan.rows(table, chosen), plan.networks(table, chosen), planned, found, target, chosen)


def _as_row(record: Record, run: Run) -> Record:
    """The record as a row of its method shows it: as its journal names such a row, if it does."""
    if method_of(record.row) == run.method.name:
        return record
    named = next((also for also in record.labels.also if method_of(also.row) == run.method.name), run.labels)
    return record.as_row(named.row, named.method_title)


def method_of(row: str) -> str:
    """The method of a row by its key: that of a run need not be the one that was trained."""
    return row.partition("@")[0]


def every_sheet(chosen: Choices, journals: Journals, target: float | None = None) -> Iterator[Sheet]:
    """Of every table as chosen that has a run."""
    for table in plan.tables(chosen):
        try:
            sheet = sheet_of(table, chosen, plan.runs(table, chosen), journals, target)
        except (UserError, MethodError):  # it takes no such setting or network, or no real time
            continue
        if sheet.records:
            yield sheet


def whole(chosen: Choices) -> Choices:
    """All rows, whatever --method says, for what compares rows: a target is the worst row's, a claim is of several."""
    return replace(chosen, methods=())


EVERYTHING = frozenset({"scale", "executor", "seeds"})
"""What `at_conditions` may leave open; with the executor its hardware card, and whether schedules are recorded."""


def at_conditions(
    chosen: Choices,
    journals: Journals,
    target: float | None = None,
    *,
    every: Set[str] = frozenset(),
    out: Path | None = None,
) -> list[tuple[Choices, tuple[Sheet, ...]]]:
    """The choices under every condition that has runs, the smallest scale first, with their sheets.

    every: which of EVERYTHING was left open; the choices stand as they are where nothing was. A condition whose runs
    belong to no table as chosen is left out, unless no other is left. out: where `calibrate` put its card.
    """
    made: list[tuple[Choices, tuple[Sheet, ...]]] = []
    for one in _open(chosen, journals, every):
        made.append((one, tuple(every_sheet(one, journals, target))))
        if "executor" in every and one.kind.needs_card and one.card is None:
            made += _on_other_cards(one, made[-1][1], journals, target, out)
    return [pair for pair in made if pair[1]] or made[:1]


def _open(chosen: Choices, journals: Journals, every: Set[str]) -> list[Choices]:
    there = {(record.scale, record.spec.executor, bool(record.spec.recorded)) for record in journals.records}
    scales = SCALES if "scale" in every else (chosen.scale,)
    kinds = executors.names() if "executor" in every else (chosen.executor,)
    recorded = (False, True) if "executor" in every else (chosen.record,)
    found = [
        _seeded(replace(chosen, scale=scale, executor=kind, record=record), journals, every)
        for scale in scales
        for kind in kinds
        for record in recorded
        if not every or (scale, kind, record) in there
    ]
    return found or [chosen]


def _on_other_cards(
    chosen: Choices, shown: Sequence[Sheet], journals: Journals, target: float | None, out: Path | None
) -> Iterator[tuple[Choices, tuple[Sheet, ...]]]:
    """The same on hardware cards that tables have not by themselves, as far as runs on them are left."""
    used = {record.id for sheet in shown for record in sheet.used}
    simulated = (record for record in journals.records if record.simulated and record.scale == chosen.scale)
    left = {record.id: record.spec.hardware.name for record in simulated if record.id not in used}
    for name in sorted(set(left.values())):
        try:
            one = replace(chosen, card=load_card(name, out=out))
        except UserError:  # a file that the user named, and may name again
            continue
        sheets = every_sheet(one, journals, target)
        yield one, tuple(sheet for sheet in sheets if any(record.id in left for record in sheet.used))


def _seeded(chosen: Choices, journals: Journals, every: Set[str]) -> Choices:
    """With the seeds of all runs of the scale, where seeds were left open."""
    if "seeds" not in every:
        return chosen
    found = {record.seed for record in journals.records if record.scale == chosen.scale}
    seeds = tuple(sorted(seed for seed in found if seed < FIRST_TRIAL_SEED))
    return replace(chosen, seeds=seeds or chosen.seeds, any_seed=True)


# ---- what one has to know of the runs


def made_elsewhere(sheets: Iterable[Sheet]) -> str:
    """A sentence on the runs that count though other sources, another torch or other data made them; or ""."""
    made = list(sheets)
    planned = {run.id: run for sheet in made for run in sheet.planned}
    used = {record.id: record for sheet in made for record in sheet.used}
    others = [record for record in used.values() if record.id not in planned]
    if not others:
        return ""
    here, torch = ({getattr(run.spec, name) for run in planned.values()} for name in ("sources", "torch"))
    if any(record.spec.sources not in here for record in others):
        what = "by other sources than this checkout's"
    elif any(record.spec.torch not in torch for record in others):
        what = "by another torch than this one"
    else:
        what = "on another form of their data, which are not here"
    origins = list(dict.fromkeys(f"commit {_commit(one)}, torch {one.spec.torch}" for one in others))
    more = f"; {len(origins) - FEW} more" if len(origins) > FEW else ""
    return f"{len(others)} of {len(used)} runs were made {what}: {'; '.join(origins[:FEW])}{more}."


def other_data(sheets: Iterable[Sheet]) -> str:
    """A sentence on the tables by which no claim is judged, since their data are others; "" where there are none."""
    said = {sheet.table.id: sheet.other_data for sheet in sheets if sheet.planned and not sheet.judged}
    those = "; ".join(dict.fromkeys(said.values()))
    return f"No claim is judged by {', '.join(said)}, whose data are not the paper's: {those}." if said else ""


def _taken(work: Workload, known: DataCard) -> tuple[int, int]:
    """Samples for training and for testing."""
    return work.train_samples or known.train_samples, work.test_samples or known.test_samples


def _commit(record: Record) -> str:
    return str(record.environment.get("commit") or "unknown")[:12]


def not_shown(journals: Journals, sheets: Iterable[Sheet], elsewhere: Collection[str] = ()) -> Iterator[str]:
    """Sentences on the runs of the folder that no sheet of these has. elsewhere: ids of those shown otherwise."""
    used = {record.id: record for sheet in sheets for record in sheet.used}
    shown = {experiment(record.spec) for record in used.values()}
    left = [record for record in journals.records if record.id not in used and record.id not in elsewhere]
    strange = [record for record in left if experiment(record.spec) not in shown]
    if len(strange) < len(left):
        yield f"{len(left) - len(strange)} runs are not shown: others of the same experiments count instead of them."
    if strange:
        kinds = Counter(f"scale {record.scale}, {record.spec.executor} executor" for record in strange)
        said = "; ".join(f"{count} at {kind}" for kind, count in kinds.items())
        yield (
            f"{len(strange)} of {len(journals.records)} runs in the folder belong to no table as chosen here ({said}): "
            "other settings, methods, hardware, data or seeds; name them as `run` was given them to see these runs."
        )
