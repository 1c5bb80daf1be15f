"""A and B of `compare`: runs of a folder, or the values of a reproduction, and where they were made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.errors import UserError
from benchmarks.views import journals
from benchmarks.workloads.data.cards import card, names
from results import frames, reproductions
from results.comparison.matching import data_name
from results.reading import TEXT_BYTES, parsed_json
from results.records import Record
from results.reproductions import Value

CONTEXT: Mapping[str, Callable[[Record], Any]] = {
    "scale": lambda record: record.scale,
    "data": data_name,
    "executor": lambda record: record.spec.executor,
    "hardware": frames.card,
    "device": lambda record: record.spec.device,
    "gpu": lambda record: record.spec.gpu,
    "torch": frames.torch,
    "python": lambda record: record.environment.get("python"),
    "cpu": lambda record: record.environment.get("cpu"),
    "cpu_capability": lambda record: record.environment.get("cpu_capability"),
    "cores": lambda record: record.environment.get("cores"),
    "commit": frames.commit,
}
"""Facts on two sets of runs that are said before they are compared; sources are said cell by cell."""
_DIGEST = re.compile(r"sha256 ([0-9a-f]{8})[0-9a-f]*")
OF_BITS = ("torch", "cpu", "cpu_capability")
"""Those of them on which a run's bits depend under the virtual clock, beside its spec and sources."""


@dataclass(frozen=True)
class Side:
    """A or B: the runs of a folder, or the values of a reproduction; what is said of it by the names of CONTEXT.

    left_out: sentences on the folder's journals that cannot be used.
    """

    name: str
    records: Sequence[Record] = ()
    values: Sequence[Value] = ()
    context: Mapping[str, Sequence[str]] | None = None
    left_out: Sequence[str] = ()


def side(path: Path) -> Side:
    """Read the runs or values of a path, or of a committed reproduction by its name.

    Raises:
        UserError: there is no such folder or reproduction, or it has no runs.
        ResultsError: a file cannot be read.
    """
    if not path.exists() and path.name in reproductions.names():
        path = reproductions.folder_of(path.name) or reproductions.FOLDER / f"{path.name}.csv"
    if path.is_file():
        beside = path.with_suffix(".json")
        values = reproductions.read(path)
        if not values:
            raise UserError(f"{path} holds no values: name a reproduction's CSV, or an out folder.")
        return Side(path.stem, values=values, context=_said(beside))
    folder, word = path, ""
    if not path.exists() and "@" in path.name:
        head, _, word = str(path).rpartition("@")
        folder = Path(head)
    if not folder.is_dir():
        known = f" or a committed reproduction ({', '.join(reproductions.names())})" if reproductions.names() else ""
        raise UserError(f"There is no {folder}: name an out folder{known}.")
    found = journals.some(folder)
    chosen = _chosen(found.records, word, folder) if word else found.records
    return Side(str(path), records=chosen, left_out=found.remarks)


def _chosen(found: Sequence[Record], word: str, folder: Path) -> list[Record]:
    words = [_words(record) for record in found]
    chosen = [
        record
        for record, (names, commit) in zip(found, words, strict=True)
        if word in names or (len(word) >= 4 and commit.startswith(word))
    ]
    if not chosen:
        there = sorted({name for names, commit in words for name in (*names, commit[:8]) if name})
        raise UserError(f"No run in {folder} is '{word}': choose one of {', '.join(there)}.")
    return chosen


def forms() -> dict[str, str]:
    """The fingerprints of the suite's data that come in two forms, an archive and a tree of the same images."""
    found = [card(name) for name in names()]
    return {one.tree.sha256: one.fingerprint for one in found if one.tree is not None}


def _words(record: Record) -> tuple[set[str], str]:
    """Words that choose a run, and its commit."""
    names = {record.scale, record.spec.executor, frames.hardware(record), frames.torch(record)}
    return names, str(record.environment.get("commit") or "")


def as_values(one: Side, path: Path, like: Side) -> Side:
    """A folder as the values of its tables, under the conditions of the reproduction that they stand beside."""
    if one.values:
        return one
    values = reproductions.of_tables(path / "tables", like.values)
    if not values:
        where = f"{path / 'tables'} on the data of {like.name}"
        raise UserError(f"There are no tables in {where}: a reproduction is compared with tables; run some.")
    return replace(one, values=values, context=context(one.records))


def _said(environment: Path) -> dict[str, list[str]]:
    """Facts in a reproduction's environment file; nothing where there is none."""
    try:
        known = parsed_json(environment, TEXT_BYTES)
        said = {name: [str(value) for value in known[name]] for name in CONTEXT if name in known}
        return said | {"data": [_DIGEST.sub(r"\1", one) for one in said["data"]]} if "data" in said else said
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{environment} is no environment file ({error}): write the reproduction again.") from error


def context(runs: Iterable[Record]) -> dict[str, list[str]]:
    """All values that occur, by the names of CONTEXT."""
    found: dict[str, set[str]] = {name: set() for name in CONTEXT}
    for record in runs:
        for name, of_run in CONTEXT.items():
            found[name].add(str(of_run(record) or ""))
    return {name: sorted(filter(None, values)) for name, values in found.items()}
