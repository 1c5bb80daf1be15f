"""Reads the journals of a folder of results, and decides which of them counts for a planned run.

One rule for every command that shows runs. For a planned run counts

1. the run of exactly its identity, of the same version of the numerics under this torch; else
2. the latest run of the same experiment: of the same spec but for `numerics`, `sources` and `torch`; else
3. where the data are not here, but are known in several forms: the latest one on another form, of the same samples.

Outputs name runs that count by 2 or 3 (`table_runs.made_elsewhere`). `run` trains whatever has no complete run by 1. A
journal that cannot be used is left out with a sentence (results.records.usable); when its run is repeated, the file is
set aside.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import methods
from benchmarks.errors import UserError
from benchmarks.runner.plan import Run
from results import records
from results.errors import ResultsError
from results.records import Record
from results.records.identity import identity
from results.records.spec import Document, RunSpec
from results.records.usable import usable

ELSEWHERE = ("numerics", "sources", "torch")
"""Fields in which runs of the same experiment may differ: the code and the version of torch that made them."""


@dataclass(frozen=True)
class Journals:
    """The usable runs of a folder in the order of their start. left_out: a sentence for each journal that is not."""

    records: tuple[Record, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences on the folder's journals: those that are left out, and those whose lines are not chained."""
        loose = sum(not record.chained for record in self.records)
        text = (
            f"{loose} of {len(self.records)} journals are of an earlier version: each of their lines is checked, but "
            "not that the lines are of one run."
        )
        return (*self.left_out, text) if loose else self.left_out

    @cached_property
    def _by_id(self) -> Mapping[str, Record]:
        return {record.id: record for record in self.records}

    @cached_property
    def _places(self) -> Set[tuple[Any, ...]]:
        return {_place(record.spec) for record in self.records}

    @cached_property
    def _latest(self) -> Mapping[str, Record]:
        return {experiment(record.spec): record for record in self.records}

    @cached_property
    def _on_any_form(self) -> Mapping[str, Record]:
        return {_form_free(record.spec): record for record in self.records}

    def exact(self, run: Run) -> Record | None:
        """The run of exactly this identity."""
        return self._by_id.get(run.id)

    def of(self, run: Run) -> Record | None:
        """The run that counts for a planned one, by the rule above."""
        if _place(run.spec) not in self._places:  # quick, while the digests below take their time
            return None
        record = self.exact(run) or self._latest.get(experiment(run.spec))
        return record or (self._on_any_form.get(_form_free(run.spec)) if run.form_is_open else None)

    def done(self, run: Run) -> bool:
        """Whether it need not be trained: the run of exactly this identity finished or diverged."""
        record = self.exact(run)
        return record is not None and record.complete


def experiment(spec: RunSpec) -> str:
    """The spec's digest without who made the run: equal for runs of the same experiment.

    An option that the method did not have when the run was made counts as its default.
    """
    return identity(_document(spec))


def _place(spec: RunSpec) -> tuple[Any, ...]:
    """Some of what runs of the same experiment share, on whatever form of their data."""
    return spec.workload.name, spec.workload.scale, spec.method.name, spec.executor, spec.seed


def _document(spec: RunSpec) -> Document:
    options = methods.with_defaults(spec.method.name, spec.method.options)
    return spec.document(without=ELSEWHERE) | {"method": {"name": spec.method.name, "options": options}}


def _form_free(spec: RunSpec) -> str:
    """Digest of the experiment, whatever form its data came in."""
    work = spec.workload.document(without=("dataset_sha256",))
    if isinstance(data := work["data"], dict):
        work["data"] = {key: value for key, value in data.items() if key != "sha256"}
    return identity(_document(spec) | {"workload": work})


def read(out: Path) -> Journals:
    """Reads all usable journals; of one that was cut within a line, the lines before it."""
    readable: list[Record] = []
    left_out: list[str] = []
    for path, data in records.journals(out):
        try:
            readable.append(usable(path, data))
        except ResultsError as error:
            left_out.append(str(error))
    return Journals(tuple(sorted(readable, key=lambda record: (record.started, record.id))), tuple(left_out))


def some(out: Path) -> Journals:
    """Reads all journals. Raises UserError where none can be used, with the first reason."""
    journals = read(out)
    if not journals.records:
        why = f" ({journals.left_out[0]})" if journals.left_out else ""
        raise UserError(f"There are no runs in {out}: run a table first, or name another folder{why}.")
    return journals
