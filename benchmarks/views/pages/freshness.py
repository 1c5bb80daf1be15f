"""Whether what an earlier report made still says what the runs say: of what it was made, what has become of that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from benchmarks.runner.environment import checkout
from benchmarks.views.journals import Journals
from benchmarks.views.table_runs import TableRuns
from reports.site.pages import ClaimColumn, Page
from results.records import Record

P = TypeVar("P", Page, ClaimColumn)
MadeOf = Mapping[str, str]
"""Identity of every planned run -> the run that counted for it, and how far that was; "" where there was none."""


def made_of(shown_tables: Iterable[TableRuns], found: Journals) -> dict[str, str]:
    planned = {run.id: run for table_runs in shown_tables for run in table_runs.grid.runs}
    records = {id: found.of(run) for id, run in planned.items()}
    return {id: _state(record) if record is not None else "" for id, record in records.items()}


def runs(made: MadeOf) -> dict[str, str]:
    """Identity of every run that was there -> how it had ended."""
    return {state.split()[0]: state.split()[1] for state in made.values() if state}


def kept(earlier: Iterable[P], remade: Collection[str], found: Journals) -> list[P]:
    """Keep the pages, or columns of claims, of earlier reports that were not made anew and still have a run.

    Each says what is amiss with it. remade: places of pages, or slugs of conditions. A page of an analysis rests on no
    journals: it is made anew each time, or gone.
    """
    records = {record.id: record for record in found.records}
    left = []
    for one in earlier:
        if getattr(one, "place", one.condition.slug) not in remade and runs(one.made_of).keys() & records.keys():
            left.append(replace(one, stale=amiss(one.made_of, one.made_by, records)))
    return left


def amiss(made: MadeOf, made_by: str, records: Mapping[str, Record]) -> str:
    """Describes what is out of date; "" for nothing."""
    more = sum(not state and id in records for id, state in made.items())
    changed = sum(_changed(id, state, records) for id, state in made.items() if state)
    said = [f"{more} more of its runs are there"] if more else []
    said += [f"{changed} of its runs have changed, or are gone"] if changed else []
    if made_by != checkout():
        said.append(f"it was made at commit {made_by or 'unknown'}, and this is {checkout() or 'unknown'}")
    return f"{'; '.join(said)}." if said else ""


def _changed(id: str, state: str, records: Mapping[str, Record]) -> bool:
    """Whether the run that counted is not as it was, or this checkout's own is there now instead of another's."""
    then = records.get(state.split()[0])
    return then is None or _state(then) != state or (then.id != id and id in records)


def _state(record: Record) -> str:
    return f"{record.id} {record.status} {len(record.evaluations)} {record.started}"
