"""Whether what an earlier report made still says what the runs say: of what it was made, what has become of that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from benchmarks.runner.environment import checkout
from benchmarks.views.journals import Journals
from benchmarks.views.sheets import Sheet
from reports.site.pages import ClaimColumn, Page
from results.records import Record

MadeOf = Mapping[str, str]
"""Identity of every planned run -> the run that counted for it, and how far that was; "" where there was none."""


def made_of(sheets: Iterable[Sheet], found: Journals) -> dict[str, str]:
    planned = {run.id: run for sheet in sheets for run in sheet.grid.runs}
    records = {id: found.of(run) for id, run in planned.items()}
    return {id: _state(record) if record is not None else "" for id, record in records.items()}


def runs(made: MadeOf) -> dict[str, str]:
    """Identity of every run that was there -> how it had ended."""
    return {state.split()[0]: state.split()[1] for state in made.values() if state}


def kept(pages: Iterable[Page], remade: Collection[str], found: Journals) -> list[Page]:
    """Of the pages of earlier reports those that were not made anew and still have a run, each with what is amiss.

    remade: places. A page of an analysis rests on no journals: it is made anew each time, or gone.
    """
    records = {record.id: record for record in found.records}
    left = (page for page in pages if page.place not in remade and runs(page.made_of).keys() & records.keys())
    return [replace(page, stale=amiss(page.made_of, page.made_by, records)) for page in left]


def kept_columns(columns: Iterable[ClaimColumn], remade: Collection[str], found: Journals) -> list[ClaimColumn]:
    """The same of the claims' columns. remade: names of conditions."""
    records = {record.id: record for record in found.records}
    left = (one for one in columns if one.condition.slug not in remade and runs(one.made_of).keys() & records.keys())
    return [replace(one, stale=amiss(one.made_of, one.made_by, records)) for one in left]


def amiss(made: MadeOf, made_by: str, records: Mapping[str, Record]) -> str:
    """In words; "" where nothing is."""
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
