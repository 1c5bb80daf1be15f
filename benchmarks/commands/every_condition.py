"""Finds every condition that has runs, as far as the command line left it open, and the tables under each."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import replace
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.executors import registry as executors
from benchmarks.hardware.cards import load as load_card
from benchmarks.runner.choices import Choices
from benchmarks.runner.rerun import condition, words
from benchmarks.runner.resolve import grids
from benchmarks.views.conditions import AtCondition
from benchmarks.views.journals import Journals
from benchmarks.views.table_runs import TableRuns, find_all_runs
from benchmarks.workloads.workload import SCALES
from results.groups import FIRST_TRIAL_SEED
from results.records import Record

EVERYTHING = frozenset({"scale", "budget", "executor", "seeds"})
"""Choices that may be left open; the executor includes its hardware card, and whether schedules are recorded."""


def at_conditions(
    chosen: Choices, journals: Journals, *, every: Set[str] = frozenset(), out: Path | None = None
) -> list[AtCondition]:
    """The tables under every condition that has runs, the smallest scale first.

    every: which of EVERYTHING was left open; if none, the choices are the one condition. A condition without a run of
    any chosen table is left out, unless it is the only one. out: where `calibrate` put its card.
    """
    at_each: list[AtCondition] = []
    for choices in _open(chosen, journals, every):
        at_each.append(_at(choices, find_all_runs(grids(choices), journals), journals))
        if "executor" in every and choices.kind.needs_card and choices.card is None:
            at_each += _on_other_cards(choices, at_each[-1].shown, journals, out)
    return [at_condition for at_condition in at_each if at_condition.shown] or at_each[:1]


def _at(chosen: Choices, shown_tables: Iterable[TableRuns], journals: Journals) -> AtCondition:
    shown = tuple(shown_tables)
    full = tuple(find_all_runs(grids(chosen.whole), journals)) if chosen.methods else shown
    whole = replace(chosen.whole, target=None)
    return AtCondition(condition(whole, whole.card, words(whole)), shown, full)


def _open(chosen: Choices, journals: Journals, every: Set[str]) -> list[Choices]:
    """The choices with each scale, budget and executor that has runs, as far as these were left open."""
    if not every:
        return [chosen]
    present = {
        (record.scale, record.budget, record.spec.executor, bool(record.spec.recorded)) for record in journals.records
    }
    combinations = itertools.product(
        SCALES if "scale" in every else (chosen.scale,),
        sorted({budget for _, budget, _, _ in present}) if "budget" in every else (chosen.budget,),
        executors.names() if "executor" in every else (chosen.executor,),
        (False, True) if "executor" in every else (chosen.record,),
    )
    return [
        _seeded(replace(chosen, scale=scale, budget=budget, executor=executor, record=record), journals, every)
        for scale, budget, executor, record in combinations
        if (scale, budget, executor, record) in present
    ] or [chosen]


def _on_other_cards(
    chosen: Choices, shown: Sequence[TableRuns], journals: Journals, out: Path | None
) -> Iterator[AtCondition]:
    """Yields tables with runs on other hardware cards than their own."""
    used = {record.id for table_runs in shown for record in table_runs.used}
    simulated = (record for record in journals.records if record.simulated and _size(record) == _size(chosen))
    left = {record.id: record.spec.hardware.name for record in simulated if record.id not in used}
    for name in sorted(set(left.values())):
        try:
            choices = replace(chosen, card=load_card(name, out=out))
        except UserError:  # a file of the user's, who can name it
            continue
        tables = find_all_runs(grids(choices), journals)
        on_card = (table_runs for table_runs in tables if any(record.id in left for record in table_runs.used))
        yield _at(choices, on_card, journals)


def _seeded(chosen: Choices, journals: Journals, every: Set[str]) -> Choices:
    """The choices with the seeds of all runs of the scale and budget, if seeds were left open."""
    if "seeds" not in every:
        return chosen
    seeds = sorted({record.seed for record in journals.records if _size(record) == _size(chosen)})
    return replace(chosen, seeds=tuple(s for s in seeds if s < FIRST_TRIAL_SEED) or chosen.seeds, any_seed=True)


def _size(of: Record | Choices) -> tuple[str, int]:
    return of.scale, of.budget
