"""Reads and writes committed reproductions: values of tables in NAME.csv, the environment in NAME.json.

Reproductions that took hours also keep their journals, packed in NAME/runs. NAME is then an ordinary folder of results:
later runs are compared with it run by run, and whoever copies it need not train these runs again.
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
from results.tables import Conditions, ResultTable, files

FOLDER = Path(__file__).parent
NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
_UNFIT = re.compile(r"[^\w.-]+")

Key = tuple[str, str, str, str]
"""(table, network, row, measure)."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value that a table measured, a line of the CSV; `mean` is None if unknown.

    censored: how many of the `n` runs have no value. published: the paper's value. scale, executor, hardware: of the
    table; "" if it names none, as for a formula.
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
    # Older files lack the columns from here on.
    at_least_std: float | None = None
    condition: str = ""  # its name
    seeds: str = ""
    resolution: float | None = None
    data: str = ""  # first digits of the fingerprints

    @property
    def key(self) -> Key:
        """Table, network, row and measure."""
        return self.table, self.network, self.row, self.measure

    @property
    def summary(self) -> Summary:
        """The value as a `Summary`."""
        return Summary(self.mean, self.std, self.n, self.censored, self.at_least, self.at_least_std, self.resolution)


COLUMNS = tuple(field.name for field in fields(Value))
_ALWAYS = tuple(field.name for field in fields(Value) if field.default is MISSING)
"""Columns that all files have, older ones too."""


def names() -> list[str]:
    """Names of the committed reproductions."""
    return sorted(path.stem for path in FOLDER.glob("*.csv"))


def folder_of(name: str) -> Path | None:
    """Folder of results with a committed reproduction's runs; None if it keeps values alone."""
    folder = FOLDER / name
    return folder if (folder / "runs").is_dir() else None


def without_places(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a run's environment without names of folders, and without the kernel's release (see `_system`)."""
    command = _command(environment.get("command") or ()).split()
    return {**environment, "system": _system(str(environment.get("system", ""))), "command": command}


def read(path: Path) -> list[Value]:
    """Reads the values of a reproduction.

    Raises:
        ResultsError: the file cannot be read or a line is invalid; the text names file and line.
    """
    return list(spreadsheets.values(path, _value, "a value of a table", _ALWAYS))


def of_tables(folder: Path, like: Sequence[Value] = ()) -> list[Value]:
    """Returns the measured values of the tables that `run` wrote to this folder.

    If a table exists under several conditions, that of `like` is taken, if given, then the one with the fewest choices.
    Tables on a user's choice of data count only if `like` states its data.

    Raises:
        ResultsError: a table cannot be read, or nothing decides between several conditions.
    """
    conditions = {value.table: _condition(value) for value in like}
    by_name: dict[str, list[ResultTable]] = {}
    data_known = not like or any(value.data for value in like)
    for table in files.every(folder):
        if data_known or "workload.dataset" not in table.conditions.settings:
            by_name.setdefault(table.name, []).append(table)
    tables = (_plainest(same_name, conditions.get(name), folder) for name, same_name in by_name.items())
    return [value for table in tables for value in _measured(table)]


def _condition(fields: Value | Conditions) -> tuple[str, str, str]:
    return fields.scale, fields.executor, fields.hardware


def _plainest(tables: Sequence[ResultTable], condition: tuple[str, str, str] | None, folder: Path) -> ResultTable:
    """Returns the table of this condition, if there is one, with the shortest selection. Raises as `of_tables`."""
    matching = [table for table in tables if _condition(table.conditions) == condition] or tables
    shortest = min(len(table.conditions.selection) for table in matching)
    table, *others = (table for table in matching if len(table.conditions.selection) == shortest)
    if others:
        names = ", ".join(other.conditions.slug for other in (table, *others))
        raise ResultsError(f"{table.name} lies in {folder} under several conditions ({names}): keep one of them there.")
    return table


def _measured(table: ResultTable) -> Iterator[Value]:
    conditions = table.conditions
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
                    scale=conditions.scale,
                    executor=conditions.executor,
                    hardware=conditions.hardware,
                    condition=conditions.slug,
                    seeds=" ".join(map(str, conditions.seeds)),
                    data=" ".join(sorted({fingerprint[:8] for fingerprint in conditions.data.values()})),
                )


def to_csv(values: Iterable[Value]) -> str:
    """Returns one line per value; floats unrounded, missing ones empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(spreadsheets.cell, astuple(value)) for value in values)
    return text.getvalue()


def to_json(environment: Mapping[str, Any]) -> str:
    """Returns the text of the environment file."""
    return json.dumps(environment, indent=2, ensure_ascii=False) + "\n"


def environment(records: Sequence[Record]) -> dict[str, Any]:
    """Returns the environments of runs without names of hosts or folders; each entry lists the values that occur.

    If the executor is virtual, hardware names the hardware card that gave the seconds, and `cpu` computed the numbers.
    """
    environments = [record.environment for record in records]
    return {
        "runs": len(records),
        "seeds": sorted({record.seed for record in records}),
        "scale": _distinct(record.scale for record in records),
        "executor": _distinct(record.spec.executor for record in records),
        "hardware": _distinct(map(card, records)),
        "device": _distinct(record.spec.device for record in records),
        "gpu": _distinct(record.spec.gpu for record in records),
        "data": _distinct(map(_data, records)),
        "torch": _distinct(map(torch, records)),
        "packages": _distinct(map(_packages, environments)),
        "python": _distinct(each.get("python") for each in environments),
        "system": _distinct(_system(str(each.get("system", ""))) for each in environments),
        "cpu": _distinct(each.get("cpu") for each in environments),
        "cpu_capability": _distinct(each.get("cpu_capability") for each in environments),
        "cores": _distinct(str(each.get("cores", "")) for each in environments),
        "variables": _distinct(
            f"{name}={value}" for each in environments for name, value in each.get("variables", {}).items()
        ),
        "wait_policy": _distinct(each.get("wait_policy") for each in environments),
        "commit": _distinct(map(commit, records)),
        "command": _distinct(_command(each.get("command") or ()) for each in environments),
    }


def _distinct(values: Iterable[Any]) -> list[str]:
    return sorted({str(value) for value in values if value})


def _data(record: Record) -> str:
    work = record.spec.workload
    return f"{record.labels.data_label or work.dataset} (sha256 {work.dataset_sha256})"


def _packages(environment: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in (environment.get("packages") or {}).items())


def _system(text: str) -> str:
    """'Linux x86_64': without the kernel's release, which may name its maker."""
    return " ".join(word for word in text.split() if not re.match(r"\d", word))


def _command(arguments: Sequence[str]) -> str:
    """Returns the command without options for folders and parallel jobs."""
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
    """Packs the journals of complete runs into the folder of results `to` -> the files.

    A file holds the journals of one family and network, in the order in which they were added; a journal of the same
    run is replaced. Lines are kept but for environments, which lose names of folders, and get new, chained checksums. A
    run's identity depends on its spec alone and stays.

    Raises:
        ValueError: a journal has been damaged since it was read.
        ResultsError: a file cannot be read or written.
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
    """Concatenates the journals of runs, without names of folders in their environments. Raises as `keep`."""
    journals = []
    for record in records:
        reader = Reader()
        lines = [_kept(reader.parse(line)) for line in content_of(record.path).splitlines()]
        journals.append(chained(lines)[0])
    return b"".join(journals)


def _kept(line: Mapping[str, Any]) -> Mapping[str, Any]:
    if line["type"] == "run":
        return {"type": "run", "format": FORMAT, **line, "environment": without_places(line["environment"])}
    if line["type"] == "resumed":
        environments = [stint | {"environment": without_places(stint["environment"])} for stint in line["environments"]]
        return {**line, "environments": environments}
    return line
