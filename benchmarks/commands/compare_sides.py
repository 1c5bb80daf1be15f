"""Reads the two sides of `compare`: the runs of a folder, or the values of a reproduction, and their context."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.errors import UserError
from benchmarks.views import journals
from benchmarks.workloads.data.cards import card, names
from benchmarks.workloads.scales import size_of
from results import frames, reproductions
from results.comparison.matching import data_name
from results.reading import TEXT_BYTES, parsed_json
from results.records import Record
from results.reproductions import Value

CONTEXT: Mapping[str, Callable[[Record], Any]] = {
    "scale": lambda record: size_of(record.scale, record.budget),
    "data": data_name,
    "executor": lambda record: record.spec.executor,
    "hardware": frames.card,
    "device": lambda record: record.spec.device,
    "gpu": lambda record: record.spec.gpu,
    "torch": frames.torch,
    "python": lambda record: record.environment.get("python"),
    "cpu": lambda record: record.environment.get("cpu"),
    "cpu_capability": lambda record: record.environment.get("cpu_capability"),
    "instructions": lambda record: of_run if (of_run := record.spec.workload.instructions) != "native" else None,
    "cores": lambda record: record.environment.get("cores"),
    "commit": frames.commit,
}
"""Facts on a set of runs, printed before the comparison; differing sources are named cell by cell."""
_DIGEST = re.compile(r"sha256 ([0-9a-f]{8})[0-9a-f]*")
OF_BITS = ("torch", "cpu", "cpu_capability")
"""Facts on which a run's bits depend under the virtual clock, beside its spec and sources."""


@dataclass(frozen=True)
class Side:
    """A or B: the runs of a folder, or the values of a reproduction. context: its facts, by the names of CONTEXT.

    left_out: sentences on the folder's journals that cannot be used.
    """

    name: str
    records: Sequence[Record] = ()
    values: Sequence[Value] = ()
    context: Mapping[str, Sequence[str]] | None = None
    left_out: Sequence[str] = ()


def side(path: Path) -> Side:
    """Reads the runs or values of a path, or of a committed reproduction by its name.

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
        return Side(path.stem, values=values, context=_environment_facts(beside))
    folder, word = path, ""
    if not path.exists() and "@" in path.name:
        head, _, word = str(path).rpartition("@")
        folder = Path(head)
    if not folder.is_dir():
        choices = f" or a committed reproduction ({', '.join(reproductions.names())})" if reproductions.names() else ""
        raise UserError(f"There is no {folder}: name an out folder{choices}.")
    runs = journals.some(folder)
    chosen = _chosen(runs.records, word, folder) if word else runs.records
    return Side(str(path), records=chosen, left_out=runs.remarks)


def _chosen(records: Sequence[Record], word: str, folder: Path) -> list[Record]:
    words = [_words(record) for record in records]
    chosen = [
        record
        for record, (names, commit) in zip(records, words, strict=True)
        if word in names or (len(word) >= 4 and commit.startswith(word))
    ]
    if not chosen:
        choices = sorted({name for names, commit in words for name in (*names, commit[:8]) if name})
        raise UserError(f"No run in {folder} is '{word}': choose one of {', '.join(choices)}.")
    return chosen


def forms() -> dict[str, str]:
    """Maps fingerprints of data sets' second form, a tree of the same images, to those of the published archive."""
    data_cards = [card(name) for name in names()]
    return {data_card.tree.sha256: data_card.fingerprint for data_card in data_cards if data_card.tree is not None}


def _words(record: Record) -> tuple[set[str], str]:
    """Returns the words that choose a run, and its commit."""
    names = {
        record.scale,
        f"{record.scale}-{record.budget}",
        record.spec.executor,
        record.spec.hardware.name,
        frames.torch(record),
    }
    return names, str(record.environment.get("commit") or "")


def as_values(side_given: Side, like: Side) -> Side:
    """Returns a folder's side as the values of its tables, under the conditions of the reproduction `like`."""
    if side_given.values:
        return side_given
    tables = Path(side_given.name) / "tables"
    values = reproductions.of_tables(tables, like.values)
    if not values:
        place = f"{tables} on the data of {like.name}"
        raise UserError(f"There are no tables in {place}: a reproduction is compared with tables; run some.")
    return replace(side_given, values=values, context=context(side_given.records))


def _environment_facts(environment: Path) -> dict[str, list[str]]:
    """Returns the facts in a reproduction's environment file; {} where there is none."""
    try:
        values = parsed_json(environment, TEXT_BYTES)
        facts = {name: [str(value) for value in values[name]] for name in CONTEXT if name in values}
        return facts | {"data": [_DIGEST.sub(r"\1", data) for data in facts["data"]]} if "data" in facts else facts
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{environment} is no environment file ({error}): write the reproduction again.") from error


def context(runs: Iterable[Record]) -> dict[str, list[str]]:
    """Returns all values that occur in the runs, by the names of CONTEXT."""
    values_of: dict[str, set[str]] = {name: set() for name in CONTEXT}
    for record in runs:
        for name, of_run in CONTEXT.items():
            values_of[name].add(str(of_run(record) or ""))
    return {name: sorted(filter(None, values)) for name, values in values_of.items()}
