"""Whether pages of an earlier report are up to date: records what they were made of, and what changed since."""

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
"""Id of every planned run -> the run that counted for it, and its state; "" where there was none."""


def made_of(shown_tables: Iterable[TableRuns], journals: Journals) -> dict[str, str]:
    planned = {run.id: run for table_runs in shown_tables for run in table_runs.grid.runs}
    records = {id: journals.of(run) for id, run in planned.items()}
    return {id: _state(record) if record is not None else "" for id, record in records.items()}


def runs(made: MadeOf) -> dict[str, str]:
    """Id of every run that counted -> how it had ended."""
    states = (state.split() for state in made.values() if state)
    return {words[0]: words[1] for words in states}


def kept(earlier: Iterable[P], remade: Collection[str], journals: Journals) -> list[P]:
    """Returns the earlier pages, or columns of claims, that were not made anew and still have a run, marked if stale.

    remade: places of pages, or slugs of conditions. A page of an analysis has no runs: it is made anew each time, or
    gone.
    """
    records = {record.id: record for record in journals.records}
    return [
        replace(item, stale=_stale(item.made_of, item.made_by, records))
        for item in earlier
        if getattr(item, "place", item.condition.slug) not in remade and runs(item.made_of).keys() & records.keys()
    ]


def _stale(made: MadeOf, made_by: str, records: Mapping[str, Record]) -> str:
    """Says what is out of date; "" for nothing."""
    more = sum(not state and id in records for id, state in made.items())
    changed = sum(_changed(id, state, records) for id, state in made.items() if state)
    parts = [f"{more} more of its runs are there"] if more else []
    parts += [f"{changed} of its runs have changed, or are gone"] if changed else []
    if made_by != checkout():
        parts.append(f"it was made at commit {made_by or 'unknown'}, and this is {checkout() or 'unknown'}")
    return f"{'; '.join(parts)}." if parts else ""


def _changed(id: str, state: str, records: Mapping[str, Record]) -> bool:
    """Whether the run that counted is another now, or is in another state."""
    counted = records.get(state.split()[0])
    return counted is None or _state(counted) != state or (counted.id != id and id in records)


def _state(record: Record) -> str:
    return f"{record.id} {record.status} {len(record.evaluations)} {record.started}"
