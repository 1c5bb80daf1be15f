"""The confound audit: what differs between rows that a table compares, beside their methods.

It reads the plan's specs, what the runs' journals have counted, and where they have not, what a method declares of
itself (methods.Method): so it can be printed before anything is run. What a plug-in was neither counted at nor declares
is "not declared". Seeds are no confound. What differs between the rows of the papers' own experiments
stands in published.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.papers.confounds.aspects import ASPECTS, AuditedRow, NotDeclared
from benchmarks.papers.confounds.counted import Counted
from benchmarks.papers.confounds.naming import named
from benchmarks.runner.grid import GridRow
from results.records import Record

Records = Mapping[tuple[str, str], Sequence[Record]]
"""By network and row."""
DECISIVE = (
    "Network and stem",
    "Data, augmentation and loader",
    "Batches of a device",
    "Best epoch and early stopping",
    "Precision",
    "Clock",
    "Simulated seconds are those of",
)
"""Aspects whose differences are said in full wherever the table is shown."""


@dataclass(frozen=True)
class Audit:
    """Differences between rows. lines: in full, an aspect each; apart: those of DECISIVE; others: other names."""

    lines: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def brief(self) -> list[str]:
        """Lines that every output prints: data, network and clock in full, all other differences by name."""
        also = " also" if self.apart else ""
        named = [f"The rows differ{also} in: {', '.join(self.others)}."] if self.others else []
        return [*(f"The rows differ in {_lowered(line)}" for line in self.apart), *named]


def audit(cells: Sequence[GridRow], records: Records | None = None) -> Audit:
    """One line per aspect in which rows of a network differ, rows of one value together; last, what they share.

    A line that does not hold for all networks begins with those it holds for. records: the runs that are there.
    """
    networks: dict[str, list[AuditedRow]] = {}
    for cell in cells:
        counted, first = Counted.of((records or {}).get((cell.network, cell.row.key), ())), cell.runs[0]
        row = AuditedRow(cell.row.label, first.spec, cell.work, cell.method, first.data, counted)
        networks.setdefault(cell.network, []).append(row)
    lines: dict[str, list[str]] = {}
    same: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for network, rows in networks.items():
        for name, aspect in ASPECTS.items():
            groups = _groups(rows, aspect)
            if len(groups) > 1:
                line = f"{name}: {_grouped(groups, rows)}."
                names[line] = name
                lines.setdefault(line, []).append(network)
            elif groups:
                same.setdefault(f"{_lowered(name)} {next(iter(groups))}", []).append(network)
        for line in (*_special_cases(rows), *_sources(rows, any_run=bool(records))):
            lines.setdefault(line, []).append(network)
    everywhere = len(networks)
    said = {line: line if len(nets) == everywhere else f"{', '.join(nets)}: {line}" for line, nets in lines.items()}
    shared = [text if len(nets) == everywhere else f"{text} ({', '.join(nets)})" for text, nets in same.items()]
    return Audit(
        (*said.values(), *([f"The same for all rows: {'; '.join(shared)}."] if shared else [])),
        tuple(said[line] for line, name in names.items() if name in DECISIVE),
        tuple(dict.fromkeys(_lowered(name.partition(" (")[0]) for name in names.values() if name not in DECISIVE)),
    )


def _groups(rows: Sequence[AuditedRow], aspect: Callable[[AuditedRow], str | None]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for row in rows:
        try:
            value = aspect(row)
        except NotDeclared:
            value = "not declared"
        if value is not None:
            groups.setdefault(value, []).append(row.label)
    return groups


def _grouped(groups: Mapping[str, Sequence[str]], rows: Sequence[AuditedRow]) -> str:
    """A group of more than half of the rows is named last, as the rest; unless the aspect leaves rows out."""
    largest = max(groups, key=lambda value: len(groups[value]))
    all_said = sum(map(len, groups.values())) == len(rows)
    rest = largest if all_said and len(groups[largest]) > max(2, len(rows) // 2) else None
    labels = [row.label for row in rows]
    said = [f"{value} ({named(group, labels)})" for value, group in groups.items() if value != rest]
    return "; ".join([*said, f"{rest} (the others)"] if rest else said)


def _lowered(name: str) -> str:
    return name if name.startswith("BatchNorm") else name[0].lower() + name[1:]


def _special_cases(rows: Sequence[AuditedRow]) -> Iterator[str]:
    """Rows that are another algorithm as they are set."""
    for said in dict.fromkeys(row.method.special_case for row in rows):
        if said:
            yield said.replace("{rows}", " / ".join(row.label for row in rows if row.method.special_case == said))


def _sources(rows: Sequence[AuditedRow], *, any_run: bool) -> Iterator[str]:
    """Whether updates, batches per update, averages and the weights of backward passes were counted, or declared."""
    counted = [row.label for row in rows if row.counted is not None]
    others = [row.label for row in rows if row.counted is None]
    if any_run and counted and others:
        labels = [row.label for row in rows]
        yield (
            f"Updates, batches per update, averages and the weights of backward passes: counted in the runs of "
            f"{named(counted, labels)}; as their methods declare them for {named(others, labels)}."
        )
    elif any_run:
        how = "counted in the runs" if counted else "as the methods declare them, since the runs have not counted them"
        yield f"Updates, batches per update, averages and the weights of backward passes: {how}."
