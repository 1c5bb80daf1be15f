"""The tables of an analysis as `run` wrote them (reports.tables.render.to_csv), for claims that are judged on laws."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from results.measures import Measure
from results.published import Published
from results.statistics import Summary
from results.tables import ResultCell, ResultRow, ResultTable

Line = Mapping[str, str]


def tables(folder: Path, id: str) -> tuple[ResultTable, ...]:
    """Those of an analysis, <id>.csv and <id>-*.csv; headings, captions and notes are not in the files."""
    paths = [folder / f"{id}.csv", *sorted(folder.glob(f"{id}-*.csv"))]
    return tuple(_table(path) for path in paths if path.is_file())


def _table(path: Path) -> ResultTable:
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    keys = list(dict.fromkeys(line["measure"] for line in lines))
    rows: dict[tuple[str, str], dict[str, Line]] = {}
    for line in lines:
        rows.setdefault((line["network"], line["row"]), {})[line["measure"]] = line
    return ResultTable(
        name=path.stem,
        title=path.stem,
        source=str(path),
        measures=tuple(Measure(key, key.replace("_", " ")) for key in keys),
        rows=tuple(_row(by_measure, keys) for by_measure in rows.values()),
    )


def _row(lines: Mapping[str, Line], keys: Iterable[str]) -> ResultRow:
    one = next(iter(lines.values()))
    cells = tuple(_cell(lines[key]) for key in keys)
    return ResultRow(one["network"], one["network_label"], one["row"], one["method"], cells)


def _cell(line: Line) -> ResultCell:
    law, value = _number(line["published_mean"]), _number(line["measured_mean"])
    reference = None if law is None else Published(law, _number(line["published_std"]), None, "")
    if value is None:
        return ResultCell(reference, None, line["reason"] or "not measured")
    return ResultCell(
        reference, Summary(value, _number(line["measured_std"]), int(line["measured_n"] or 1)), line["reason"]
    )


def _number(text: str) -> float | None:
    return float(text) if text else None
