"""Pairs runs of A with runs of B: same row, network, family and data, then the most similar spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from results.groups import SeedGroup
from results.records import Record
from results.records.spec import flat

CONTEXT = ("executor", "hardware", "charged", "device", "torch", "numerics", "sources")
"""Parts of a spec in which compared runs may differ: machine, clock and software."""
NO_NETWORK = "the other has no runs of this network and family"
NO_TABLE = "the other has no values of this table"
SHOWN = 4
"""Most differences that a sentence names."""

Subject = tuple[str, str, str, str]
Forms = Mapping[str, str]
"""Fingerprint of each published form of a data set (archive, images) -> one fingerprint for all its forms."""


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
    """Runs of one side that are compared with nothing, and why.

    data: names of this side's and of the other side's data, where only the data differ.
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
    """Returns the pairs of groups to compare, in A's order, and the groups that stay alone.

    Within a family, network, row and data, groups with the fewest differences are paired first: a different scale
    weighs most, then settings, then context. A group without a finished or diverged run stays alone.
    """
    groups_b = _by_subject(second, forms)
    pairs: list[tuple[SeedGroup, SeedGroup]] = []
    for subject, groups_a in _by_subject(first, forms).items():
        pairs += _nearest(groups_a, groups_b.get(subject, []))
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
    """Returns the settings and the context in which two specs differ, seeds aside.

    Runs of different scales differ in "scale" instead of in the many settings of their workloads.
    """
    a, b = (flat(record.spec.document()) for record in (first, second))
    fields = [
        SpecDifference(name, _short(a.get(name)), _short(b.get(name)))
        for name in dict.fromkeys([*a, *b])
        if a.get(name) != b.get(name) and name != "seed"
    ]
    context = [field for field in fields if field.field.split(".")[0] in CONTEXT]
    settings = [field for field in fields if field not in context]
    if first.scale != second.scale:
        settings = [field for field in settings if not field.field.startswith("workload.")]
        context = [SpecDifference("scale", first.scale, second.scale), *context]
    return settings, context


def _nearest(groups_a: Sequence[SeedGroup], groups_b: Sequence[SeedGroup]) -> list[tuple[SeedGroup, SeedGroup]]:
    pairs = [(a, b) for a in groups_a for b in groups_b if a.complete and b.complete]
    used: set[int] = set()
    nearest = []
    for a, b in sorted(pairs, key=lambda pair: _distance(*pair)):  # stable: of equals the earliest runs
        if id(a) not in used and id(b) not in used:
            used |= {id(a), id(b)}
            nearest.append((a, b))
    return nearest


def _distance(first: SeedGroup, second: SeedGroup) -> tuple[bool, int, int]:
    settings, context = differences(first.first, second.first)
    return first.first.scale != second.first.scale, len(settings), len(context)


def data_name(record: Record) -> str:
    """Name and fingerprint of a run's data: '60 leaves (ab12cd34)'."""
    work = record.spec.workload
    return f"{record.labels.data_label or work.dataset} ({_short(work.dataset_sha256)})"


def _alone(side: str, seed_group: SeedGroup, others: Sequence[SeedGroup], forms: Forms) -> Alone:
    record = seed_group.first
    label = record.labels.method_title or record.row
    fields = side, record.family, record.network, record.row, label, len(seed_group.records)
    same_row = [other for other in others if _subject(other, forms)[:3] == _subject(seed_group, forms)[:3]]
    if (
        seed_group.complete
        and same_row
        and all(_subject(other, forms) != _subject(seed_group, forms) for other in same_row)
    ):
        data = data_name(record), ", ".join(dict.fromkeys(data_name(other.first) for other in same_row))
        return Alone(*fields, f"its data are {data[0]}, those of the other's row {data[1]}", data)
    return Alone(*fields, _why(seed_group, others, forms))


def _why(seed_group: SeedGroup, others: Sequence[SeedGroup], forms: Forms) -> str:
    if not seed_group.complete:
        return f"no run of it finished ({', '.join(dict.fromkeys(run.status for run in seed_group.records))})"
    same_subject = _by_subject(others, forms).get(_subject(seed_group, forms), [])
    if not same_subject:
        same_network = any(_subject(other, forms)[:2] == _subject(seed_group, forms)[:2] for other in others)
        return "the other has no runs of this row" if same_network else NO_NETWORK
    complete = [other for other in same_subject if other.complete]
    if not complete:
        return "no run of the other finished"
    settings, context = differences(
        seed_group.first, min(complete, key=lambda other: _distance(seed_group, other)).first
    )
    fields = [*settings, *context]
    named = [str(field) for field in fields if field.field != "hardware.sha256"] or ["hardware card's content"]
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return f"the nearest of the other differs in {', '.join(named[:SHOWN])}{more}, and is compared with another"


def _by_subject(groups: Sequence[SeedGroup], forms: Forms) -> dict[Subject, list[SeedGroup]]:
    by_subject: dict[Subject, list[SeedGroup]] = {}
    for seed_group in groups:
        by_subject.setdefault(_subject(seed_group, forms), []).append(seed_group)
    return by_subject


def _subject(seed_group: SeedGroup, forms: Forms) -> Subject:
    data = seed_group.first.spec.workload.dataset_sha256
    return seed_group.first.family, seed_group.first.network, seed_group.first.row, forms.get(data, data)


def _short(value: Any) -> str:
    """Text of a value: a digest shortened to 8 digits, "nothing" for None."""
    text = "nothing" if value is None else str(value)
    return text[:8] if len(text) == 64 and not set(text) - set("0123456789abcdef") else text
