"""Committed reproductions, `results/reproductions/NAME.csv`: what tables measured once, and NAME.json: where.

Where its runs took hours their journals are kept, too, packed in NAME/runs; NAME is a folder of results like any other:
a later run is compared with them run by run, and whoever copies them goes on from there.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Any

from results import spreadsheets
from results.errors import ResultsError
from results.files import replace
from results.frames import card, commit, torch
from results.records import Record, content_of, unpacked
from results.records.lines import FORMAT, Reader, chained
from results.spreadsheets import text_of
from results.statistics import Summary
from results.tables import ResultTable, files

FOLDER = Path(__file__).parent
NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
_UNFIT = re.compile(r"[^\w.-]+")

Key = tuple[str, str, str, str]
"""(table, network, row, measure)."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value as a table measured it, a line of the CSV; `mean` is None where no mean is known.

    `censored` of the `n` runs have no value; `published` is what the paper gives. `scale`, `executor` and `hardware`
    are those of the table, "" where it says none, as for a formula.
    """

    table: str
    network: str
    row: str
    measure: str
    mean: float | None
    std: float | None
    n: int
    censored: int
    at_least: float | None
    published: float | None
    scale: str
    executor: str
    hardware: str
    at_least_std: float | None = None  # of what at_least is the mean of; no older file has it
    condition: str = ""  # the name of its condition; no older file has it, nor the seeds
    seeds: str = ""
    resolution: float | None = None  # no older file has it either
    data: str = ""  # the fingerprints' beginnings; no older file has it either

    @property
    def key(self) -> Key:
        """Table, network, row and measure."""
        return self.table, self.network, self.row, self.measure

    @property
    def summary(self) -> Summary:
        """The value as statistics take it."""
        return Summary(self.mean, self.std, self.n, self.censored, self.at_least, self.at_least_std, self.resolution)


COLUMNS = tuple(field.name for field in fields(Value))
_ALWAYS = tuple(field.name for field in fields(Value) if field.default is MISSING)
"""Columns that older files have, too."""


def names() -> list[str]:
    """The names of the committed reproductions."""
    return sorted(path.stem for path in FOLDER.glob("*.csv"))


def folder_of(name: str) -> Path | None:
    """The folder of results that a committed reproduction keeps its runs in; None where it keeps values alone."""
    folder = FOLDER / name
    return folder if (folder / "runs").is_dir() else None


def without_places(environment: Mapping[str, Any]) -> dict[str, Any]:
    """A run's environment without names of folders, and without a kernel's release, which may name its maker."""
    kept = {**environment, "system": _system(str(environment.get("system", "")))}
    return {**kept, "command": _command(environment.get("command") or ()).split()}


def read(path: Path) -> list[Value]:
    """The values of a reproduction.

    Raises:
        ResultsError: the file cannot be read, or a line is no value: the text names file and line.
    """
    return list(spreadsheets.values(path, _value, "a value of a table", _ALWAYS))


def of_tables(folder: Path, like: Sequence[Value] = ()) -> list[Value]:
    """Values that the tables measured which `run` wrote to this folder; cells that were not measured are left out.

    Of several conditions of a table that of `like` counts, where it is given, and of these the plainest. Those on data
    that were chosen for it count only where `like` knows of what data it is.

    Raises:
        ResultsError: a table cannot be read, or nothing says which of several conditions counts.
    """
    wanted = {value.table: (value.scale, value.executor, value.hardware) for value in like}
    by_name: dict[str, list[ResultTable]] = {}
    known = not like or any(value.data for value in like)
    for table in files.every(folder):
        if not known and "workload.dataset" in table.conditions.settings:
            continue
        by_name.setdefault(table.name, []).append(table)
    return [value for name, tables in by_name.items() for value in _measured(_one(tables, wanted.get(name), folder))]


def _one(tables: Sequence[ResultTable], wanted: tuple[str, str, str] | None, folder: Path) -> ResultTable:
    given = {id(one): one.conditions for one in tables}
    where = {key: (its.scale, its.executor, its.hardware) for key, its in given.items()}
    there = [one for one in tables if where[id(one)] == wanted] or list(tables)
    least = min(len(one.conditions.selection) for one in there)
    first, *others = [one for one in there if len(one.conditions.selection) == least]
    if others:
        names = ", ".join(one.conditions.slug for one in (first, *others))
        raise ResultsError(f"{first.name} lies in {folder} under several conditions ({names}): keep one of them there.")
    return first


def _measured(table: ResultTable) -> Iterator[Value]:
    given = table.conditions
    for row in table.rows:
        for measure, cell in zip(table.measures, row.cells, strict=True):
            if cell.measured is not None and cell.has_value:
                yield Value(
                    table=table.name,
                    network=row.network,
                    row=row.row,
                    measure=measure.key,
                    **asdict(cell.measured),
                    published=cell.published.mean if cell.published is not None else None,
                    scale=given.scale,
                    executor=given.executor,
                    hardware=given.hardware,
                    condition=given.slug,
                    seeds=" ".join(map(str, given.seeds)),
                    data=" ".join(sorted({fingerprint[:8] for fingerprint in given.data.values()})),
                )


def to_csv(values: Iterable[Value]) -> str:
    """One line per value; floats in full, empty where there is none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(spreadsheets.cell, astuple(value)) for value in values)
    return text.getvalue()


def to_json(environment: Mapping[str, Any]) -> str:
    """The environment file."""
    return json.dumps(environment, indent=2, ensure_ascii=False) + "\n"


def environment(records: Sequence[Record]) -> dict[str, Any]:
    """Environments of runs, without names of hosts or folders; every entry lists what occurs.

    Seconds are simulated where the executor is virtual: then the hardware is a card and `cpu` made the numerics.
    """
    environments = [record.environment for record in records]
    return {
        "runs": len(records),
        "seeds": sorted({record.seed for record in records}),
        "scale": _distinct(record.scale for record in records),
        "executor": _distinct(record.spec.executor for record in records),
        "hardware": _distinct(card(record) for record in records),
        "device": _distinct(record.spec.device for record in records),
        "gpu": _distinct(record.spec.gpu for record in records),
        "data": _distinct(_data(record) for record in records),
        "torch": _distinct(torch(record) for record in records),
        "packages": _distinct(_packages(its) for its in environments),
        "python": _distinct(its.get("python") for its in environments),
        "system": _distinct(_system(str(its.get("system", ""))) for its in environments),
        "cpu": _distinct(its.get("cpu") for its in environments),
        "cpu_capability": _distinct(its.get("cpu_capability") for its in environments),
        "cores": _distinct(str(its.get("cores", "")) for its in environments),
        "variables": _distinct(
            f"{name}={value}" for its in environments for name, value in its.get("variables", {}).items()
        ),
        "wait_policy": _distinct(its.get("wait_policy") for its in environments),
        "commit": _distinct(commit(record) for record in records),
        "command": _distinct(_command(its.get("command") or ()) for its in environments),
    }


def _distinct(values: Iterable[Any]) -> list[str]:
    return sorted({str(value) for value in values if value})


def _data(record: Record) -> str:
    work = record.spec.workload
    return f"{record.labels.data_label or work.dataset} (sha256 {work.dataset_sha256})"


def _packages(environment: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in (environment.get("packages") or {}).items())


def _system(text: str) -> str:
    """'Linux x86_64': a kernel's own release may name its maker."""
    return " ".join(word for word in text.split() if not re.match(r"\d", word))


def _command(arguments: Sequence[str]) -> str:
    """The command without where it read and wrote, and how many runs stood side by side."""
    kept, skip = [], False
    for word in arguments:
        name, _, value = word.partition("=")
        if not skip and name not in ("--out", "--data", "--jobs"):
            kept.append(word.rsplit("/", 1)[-1] if "/" in word else word)
        skip = not skip and name in ("--out", "--data", "--jobs") and not value
    return " ".join(kept)


# ---- reading a CSV


def _value(text: Mapping[str, str], number: int) -> Value:
    return Value(
        table=text_of(text["table"]),
        network=text_of(text["network"]),
        row=text_of(text["row"]),
        measure=text["measure"],
        mean=_number(text["mean"]),
        std=_number(text["std"]),
        n=int(text["n"] or 0),
        censored=int(text["censored"] or 0),
        at_least=_number(text["at_least"]),
        at_least_std=_number(text.get("at_least_std", "")),
        published=_number(text["published"]),
        scale=text["scale"],
        executor=text["executor"],
        hardware=text_of(text["hardware"]),
        condition=text.get("condition", ""),
        seeds=text.get("seeds", ""),
        resolution=_number(text.get("resolution", "")),
        data=text.get("data") or "",
    )


def _number(text: str) -> float | None:
    return float(text) if text else None


# ---- runs


def keep(records: Iterable[Record], to: Path) -> list[Path]:
    """Pack the journals of the runs that are complete into the folder of results `to` -> the files.

    A file holds the journals of a family and network, in the order in which they were kept; one of the same run is
    replaced. Each line says what it said, but for environments, of the run's start and of where it was resumed. All
    get new checksums, which are chained whatever the journal's were. A run's identity rests on its spec alone.

    Raises:
        ValueError: a journal has been damaged since it was read.
        ResultsError: a file cannot be read, or not be written.
    """
    packs: dict[Path, dict[str, bytes]] = {}
    for record in records:
        if record.complete:
            path = to / "runs" / f"{_UNFIT.sub('-', f'{record.family}-{record.network}')}.jsonl"
            if path not in packs:
                packs[path] = unpacked(path) if path.exists() else {}
            packs[path][record.id] = packed([record])
    for path, journals in packs.items():
        replace(path, b"".join(journals.values()))
    return list(packs)


def packed(records: Iterable[Record]) -> bytes:
    """The journals of runs one after another, without names of folders in their environments. Raises as `keep`."""
    found = []
    for record in records:
        reader = Reader()
        lines = [_kept(reader.parse(line)) for line in content_of(record.path).splitlines()]
        found.append(chained(lines)[0])
    return b"".join(found)


def _kept(line: Mapping[str, Any]) -> Mapping[str, Any]:
    if line["type"] == "run":
        return {"type": "run", "format": FORMAT, **line, "environment": without_places(line["environment"])}
    if line["type"] == "resumed":
        known = [one | {"environment": without_places(one["environment"])} for one in line["environments"]]
        return {**line, "environments": known}
    return line
