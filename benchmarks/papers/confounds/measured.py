"""The confound audit: differences between a table's rows besides their methods.

It reads the plan's specs and the counts in the runs' journals; without counts, what a method declares of itself
(methods.Method), so it can be printed before any run. A plug-in's property that is neither counted nor declared is "not
declared". Seeds are no confound. published.py has the differences in the papers' own experiments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.papers.confounds.aspects import ASPECTS, AuditedRow, Counted, NotDeclared
from benchmarks.papers.confounds.published import lowered
from benchmarks.runner.grid import GridRow
from results.records import Record

Records = Mapping[tuple[str, str], Sequence[Record]]
"""Records by network and row."""
DECISIVE = (
    "Network and stem",
    "Data, augmentation and loader",
    "Batches of a device",
    "Best epoch and early stopping",
    "Precision",
    "Clock",
    "Simulated seconds are those of",
)
"""Aspects whose differences are printed in full wherever the table is shown."""
COUNTS = "Updates, batches per update, averages and the weights of backward passes"


@dataclass(frozen=True)
class Audit:
    """Differences between rows. lines: in full, one per aspect. brief: for every output, only DECISIVE ones in full."""

    lines: tuple[str, ...] = ()
    brief: tuple[str, ...] = ()


def audit(cells: Sequence[GridRow], records: Records | None = None) -> Audit:
    """Lists the aspects in which rows of a network differ, rows of equal value together; last, what all rows share.

    A line that does not hold for all networks names those for which it does. records: the existing runs.
    """
    networks: dict[str, list[AuditedRow]] = {}
    for cell in cells:
        counted, first = Counted.of((records or {}).get((cell.network, cell.row.key), ())), cell.runs[0]
        row = AuditedRow(cell.row.label, first.spec, cell.work, cell.method, first.data, counted)
        networks.setdefault(cell.network, []).append(row)
    differences: dict[str, list[str]] = {}  # line -> networks
    aspects: dict[str, str] = {}  # line -> aspect
    same: dict[str, list[str]] = {}
    for network, rows in networks.items():
        for name, aspect in ASPECTS.items():
            groups = _groups(rows, aspect)
            if len(groups) > 1:
                line = f"{name}: {_grouped(groups, rows)}."
                aspects[line] = name
                differences.setdefault(line, []).append(network)
            elif groups:
                same.setdefault(f"{lowered(name)} {next(iter(groups))}", []).append(network)
        for line in (*_special_cases(rows), *_sources(rows, any_run=bool(records))):
            differences.setdefault(line, []).append(network)
    lines = {line: line if len(of) == len(networks) else f"{', '.join(of)}: {line}" for line, of in differences.items()}
    shared = [text if len(of) == len(networks) else f"{text} ({', '.join(of)})" for text, of in same.items()]
    decisive = [f"The rows differ in {lowered(lines[line])}" for line, name in aspects.items() if name in DECISIVE]
    others = dict.fromkeys(lowered(name.partition(" (")[0]) for name in aspects.values() if name not in DECISIVE)
    if others:
        decisive.append(f"The rows differ{' also' if decisive else ''} in: {', '.join(others)}.")
    return Audit(
        (*lines.values(), *([f"The same for all rows: {'; '.join(shared)}."] if shared else [])), tuple(decisive)
    )


def _groups(rows: Sequence[AuditedRow], aspect: Callable[[AuditedRow], str | None]) -> dict[str, list[str]]:
    """Groups the rows' labels by their value of an aspect."""
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
    """Returns values with their rows; a value of more than half of all rows comes last, as "the others"."""
    largest = max(groups, key=lambda value: len(groups[value]))
    complete = sum(map(len, groups.values())) == len(rows)
    rest = largest if complete and len(groups[largest]) > max(2, len(rows) // 2) else None
    labels = [row.label for row in rows]
    parts = [f"{value} ({named(group, labels)})" for value, group in groups.items() if value != rest]
    return "; ".join([*parts, f"{rest} (the others)"] if rest else parts)


def _special_cases(rows: Sequence[AuditedRow]) -> Iterator[str]:
    """Names the rows that their settings make another algorithm."""
    for text in dict.fromkeys(row.method.special_case for row in rows):
        if text:
            yield text.replace("{rows}", " / ".join(row.label for row in rows if row.method.special_case == text))


def _sources(rows: Sequence[AuditedRow], *, any_run: bool) -> Iterator[str]:
    """Says which properties were counted in runs, and which are declared."""
    labels = [row.label for row in rows]
    counted = [row.label for row in rows if row.counted is not None]
    declared = [row.label for row in rows if row.counted is None]
    if any_run and counted and declared:
        yield (
            f"{COUNTS}: counted in the runs of {named(counted, labels)}; as their methods declare them for "
            f"{named(declared, labels)}."
        )
    elif any_run:
        source = "counted in the runs" if counted else "as the methods declare them, since no run has counted them"
        yield f"{COUNTS}: {source}."


def named(group: Sequence[str], everyone: Sequence[str]) -> str:
    """Names rows by the fewest words that tell them from the others: a method's title if it covers all of its rows."""
    by_words: dict[str, list[str]] = {}
    for title in dict.fromkeys(label.split(", ")[0] for label in group):
        inside = [_parts(label) for label in group if label.split(", ")[0] == title]
        outside = [_parts(label) for label in everyone if label.split(", ")[0] == title and label not in group]
        for words in _distinguishing(inside, outside):
            by_words.setdefault(words, []).append(title)
    return " / ".join(f"{', '.join(titles)}{f' with {words}' if words else ''}" for words, titles in by_words.items())


def _parts(label: str) -> tuple[str, ...]:
    return tuple(label.split(", ")[1:])


def _distinguishing(inside: Sequence[tuple[str, ...]], outside: Sequence[tuple[str, ...]]) -> list[str]:
    """Returns one phrase for all rows inside if possible, else one for each."""
    if not outside:
        return [""]
    shared = [part for part in inside[0] if all(part in parts for parts in inside)]
    for part in shared:
        if not any(part in parts for parts in outside):
            return [part]
    if shared and not any(set(shared) <= set(parts) for parts in outside):
        return [", ".join(shared)]
    constant = set.intersection(*map(set, [*inside, *outside]))
    return [", ".join(part for part in parts if part not in constant) for parts in inside]
