"""Matches runs of A with runs of B: the same row, network, family and data, then the nearest spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from results.groups import SeedGroup
from results.records import Record
from results.records.spec import flat

CONTEXT = ("executor", "hardware", "charged", "device", "torch", "numerics", "sources")
"""The parts of a spec in which two sets of runs may differ and still be the same cell: where and by what it was run."""
NO_NETWORK = "the other has no runs of this network and family"
NO_TABLE = "the other has no values of this table"
SHOWN = 4
"""Differences that a sentence names."""

Subject = tuple[str, str, str, str]
Forms = Mapping[str, str]
"""Fingerprint of each published form of a data set (archive, images) -> that of one of them."""


@dataclass(frozen=True, slots=True)
class SpecDifference:
    """A field of the spec in which A and B differ, such as "method.options.updaters"."""

    field: str
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.field.removeprefix('method.options.')} {self.first} → {self.second}"


@dataclass(frozen=True, slots=True)
class Alone:
    """Runs that only one side has, and why nothing of the other stands beside them.

    data: theirs and the other's, each where the other has the row on other data alone.
    """

    side: str
    group: str
    network: str
    row: str
    label: str
    runs: int
    why: str
    data: tuple[str, ...] = ()


def matched(
    first: Sequence[SeedGroup], second: Sequence[SeedGroup], forms: Forms
) -> tuple[list[tuple[SeedGroup, SeedGroup]], list[Alone]]:
    """Pairs of groups to compare, in A's order, and the rest.

    Within a family, network, row and data the two groups with the fewest differences go together first: those of scale
    weigh most, then settings, then the context. Groups without a run that finished or diverged stay alone.
    """
    theirs = _by_subject(second, forms)
    pairs: list[tuple[SeedGroup, SeedGroup]] = []
    for subject, ours in _by_subject(first, forms).items():
        pairs += _nearest(ours, theirs.get(subject, []))
    used = {id(seed_group) for pair in pairs for seed_group in pair}
    sides = (("A", first, second), ("B", second, first))
    alone = [
        _alone(side, seed_group, other, forms)
        for side, own, other in sides
        for seed_group in own
        if id(seed_group) not in used
    ]
    return pairs, alone


def differences(first: Record, second: Record) -> tuple[list[SpecDifference], list[SpecDifference]]:
    """Settings and context in which two specs differ, seeds aside; another scale stands for its workload."""
    a, b = (flat(record.spec.document()) for record in (first, second))
    found = [
        SpecDifference(name, _short(a.get(name)), _short(b.get(name)))
        for name in dict.fromkeys([*a, *b])
        if a.get(name) != b.get(name) and name != "seed"
    ]
    of_context = [field for field in found if field.field.split(".")[0] in CONTEXT]
    settings = [field for field in found if field not in of_context]
    if first.scale != second.scale:
        settings = [field for field in settings if not field.field.startswith("workload.")]
        of_context = [SpecDifference("scale", first.scale, second.scale), *of_context]
    return settings, of_context


def _nearest(ours: Sequence[SeedGroup], theirs: Sequence[SeedGroup]) -> list[tuple[SeedGroup, SeedGroup]]:
    pairs = [(a, b) for a in ours for b in theirs if a.complete and b.complete]
    taken: set[int] = set()
    found = []
    for a, b in sorted(pairs, key=lambda pair: _distance(*pair)):  # stable: of equals the earliest runs
        if id(a) not in taken and id(b) not in taken:
            taken |= {id(a), id(b)}
            found.append((a, b))
    return found


def _distance(first: SeedGroup, second: SeedGroup) -> tuple[bool, int, int]:
    settings, context = differences(first.first, second.first)
    return first.first.scale != second.first.scale, len(settings), len(context)


def data_name(record: Record) -> str:
    """'60 leaves (ab12cd34)': what its data are called, and their fingerprint."""
    work = record.spec.workload
    return f"{record.labels.data_label or work.dataset} ({_short(work.dataset_sha256)})"


def _alone(side: str, seed_group: SeedGroup, others: Sequence[SeedGroup], forms: Forms) -> Alone:
    record = seed_group.first
    label = record.labels.method_title or record.row
    its = side, record.family, record.network, record.row, label, len(seed_group.records)
    like = [other for other in others if _subject(other, forms)[:3] == _subject(seed_group, forms)[:3]]
    if seed_group.complete and like and all(_subject(other, forms) != _subject(seed_group, forms) for other in like):
        data = data_name(record), ", ".join(dict.fromkeys(data_name(other.first) for other in like))
        return Alone(*its, f"its data are {data[0]}, those of the other's row {data[1]}", data)
    return Alone(*its, _why(seed_group, others, forms))


def _why(seed_group: SeedGroup, others: Sequence[SeedGroup], forms: Forms) -> str:
    if not seed_group.complete:
        return f"no run of it finished ({', '.join(dict.fromkeys(run.status for run in seed_group.records))})"
    same = _by_subject(others, forms).get(_subject(seed_group, forms), [])
    if not same:
        near = any(_subject(other, forms)[:2] == _subject(seed_group, forms)[:2] for other in others)
        return "the other has no runs of this row" if near else NO_NETWORK
    there = [other for other in same if other.complete]
    if not there:
        return "no run of the other finished"
    settings, context = differences(seed_group.first, min(there, key=lambda other: _distance(seed_group, other)).first)
    fields = [*settings, *context]
    named = [str(field) for field in fields if field.field != "hardware.sha256"] or ["hardware card's content"]
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return f"the nearest of the other differs in {', '.join(named[:SHOWN])}{more}, and is compared with another"


def _by_subject(groups: Sequence[SeedGroup], forms: Forms) -> dict[Subject, list[SeedGroup]]:
    found: dict[Subject, list[SeedGroup]] = {}
    for seed_group in groups:
        found.setdefault(_subject(seed_group, forms), []).append(seed_group)
    return found


def _subject(seed_group: SeedGroup, forms: Forms) -> Subject:
    data = seed_group.first.spec.workload.dataset_sha256
    return seed_group.first.family, seed_group.first.network, seed_group.first.row, forms.get(data, data)


def _short(value: Any) -> str:
    """A digest by its first digits; nothing for what is not there."""
    text = "nothing" if value is None else str(value)
    return text[:8] if len(text) == 64 and not set(text) - set("0123456789abcdef") else text
