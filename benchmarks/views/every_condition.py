"""Every condition that has runs, where the command line left it open, and the tables under each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.executors import registry as executors
from benchmarks.hardware.cards import load as load_card
from benchmarks.runner.choices import Choices
from benchmarks.runner.grid import grids
from benchmarks.views import conditions
from benchmarks.views.journals import Journals
from benchmarks.views.table_runs import TableRuns, find_all_runs
from benchmarks.workloads.workload import SCALES
from results.groups import FIRST_TRIAL_SEED
from results.records import Record
from results.tables import RunCondition

EVERYTHING = frozenset({"scale", "budget", "executor", "seeds"})
"""Choices that may be left open; with the executor its hardware card, and whether schedules are recorded."""


@dataclass(frozen=True)
class AtCondition:
    """The tables that have runs under one condition: as chosen (shown), and with all rows (full), for the claims."""

    condition: RunCondition
    shown: tuple[TableRuns, ...]
    full: tuple[TableRuns, ...]


def at_conditions(
    chosen: Choices, journals: Journals, *, every: Set[str] = frozenset(), out: Path | None = None
) -> list[AtCondition]:
    """The tables under every condition that has runs, the smallest scale first.

    every: which of EVERYTHING was left open; the choices stand as they are where nothing was. A condition whose runs
    belong to no table as chosen is left out, unless no other is left. out: where `calibrate` put its card.
    """
    made: list[AtCondition] = []
    for one in _open(chosen, journals, every):
        made.append(_at(one, tuple(find_all_runs(grids(one), journals)), journals))
        if "executor" in every and one.kind.needs_card and one.card is None:
            made += _on_other_cards(one, made[-1].shown, journals, out)
    return [one for one in made if one.shown] or made[:1]


def _at(chosen: Choices, shown: tuple[TableRuns, ...], journals: Journals) -> AtCondition:
    whole = replace(chosen.whole, target=None)
    full = tuple(find_all_runs(grids(chosen.whole), journals)) if chosen.methods else shown
    return AtCondition(conditions.of_choices(whole), shown, full)


def _open(chosen: Choices, journals: Journals, every: Set[str]) -> list[Choices]:
    there = {
        (record.scale, record.budget, record.spec.executor, bool(record.spec.recorded)) for record in journals.records
    }
    scales = SCALES if "scale" in every else (chosen.scale,)
    budgets = sorted({budget for _, budget, _, _ in there}) if "budget" in every else (chosen.budget,)
    kinds = executors.names() if "executor" in every else (chosen.executor,)
    recorded = (False, True) if "executor" in every else (chosen.record,)
    found = [
        _seeded(replace(chosen, scale=scale, budget=budget, executor=kind, record=record), journals, every)
        for scale in scales
        for budget in budgets
        for kind in kinds
        for record in recorded
        if not every or (scale, budget, kind, record) in there
    ]
    return found or [chosen]


def _on_other_cards(
    chosen: Choices, shown: Sequence[TableRuns], journals: Journals, out: Path | None
) -> Iterator[AtCondition]:
    """Tables with runs on other hardware cards than their own."""
    used = {record.id for table_runs in shown for record in table_runs.used}
    simulated = (record for record in journals.records if record.simulated and _size(record) == _size(chosen))
    left = {record.id: record.spec.hardware.name for record in simulated if record.id not in used}
    for name in sorted(set(left.values())):
        try:
            one = replace(chosen, card=load_card(name, out=out))
        except UserError:  # a file that the user named, and may name again
            continue
        shown = [
            table_runs
            for table_runs in find_all_runs(grids(one), journals)
            if any(record.id in left for record in table_runs.used)
        ]
        yield _at(one, tuple(shown), journals)


def _seeded(chosen: Choices, journals: Journals, every: Set[str]) -> Choices:
    """The choices with the seeds of all runs of the scale and budget, where seeds were left open."""
    if "seeds" not in every:
        return chosen
    found = {record.seed for record in journals.records if _size(record) == _size(chosen)}
    seeds = tuple(sorted(seed for seed in found if seed < FIRST_TRIAL_SEED))
    return replace(chosen, seeds=seeds or chosen.seeds, any_seed=True)


def _size(of: Record | Choices) -> tuple[str, int]:
    """Scale and budget, of a run or as chosen."""
    return of.scale, of.budget
