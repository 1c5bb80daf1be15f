"""`compare` on the screen: what is said first, then the cells that differ, then what only one side has."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from benchmarks.commands.compare_sides import CONTEXT, OF_BITS, Side, context
from reports.tables.texts import printable
from results.comparison import ComparedCell, Comparison
from results.comparison.changes import CHANGED, LEVEL, NOISE, SAME, UNDECIDED, Change
from results.comparison.matching import NO_NETWORK, NO_TABLE, Alone
from results.measures import MEASURES
from results.statistics import Summary

FEW = 10
"""Cells that differ are all shown up to that, beyond it those that have changed."""
MANY = 40
"""Cells that are the same are counted beyond that, not named."""
STYLES = {CHANGED: "bold yellow", NOISE: "", UNDECIDED: "dim", SAME: "dim"}
CODE = ("numerics", "sources")
"""Fields of a spec that say which code made the numbers."""
RULE = (
    "[ ]: 95 % interval of the mean difference, Student's t over seeds that both have, else Welch's t. It excludes 0: "
    "changed. It holds 0: within noise, so that no change is shown, which is not to say that there is none. "
    "p: permutation test of A's runs against B's, which pairs no seeds and assumes no distribution. "
    "Three seeds are weak evidence. A time until something is reached is that of an evaluation."
)


def show(a: Side, b: Side, found: Comparison, console: Console, *, every: bool = False) -> None:
    """Print a comparison: a summary, contexts, cells with their intervals, and what stands alone.

    Where more than FEW cells differ, those of a change alone, unless every is asked for.
    """
    _summary(found, console)
    for line in (*_heads(a, b), *_contexts(a, b, found)):
        console.print(Text(printable(line)), soft_wrap=True)
    _unchanged(found, console)
    apart = [one for one in found.cells if not one.unchanged]
    shown = [
        one for one in apart if every or len(apart) <= FEW or any(change.verdict == CHANGED for change in one.changes)
    ]
    if len(shown) < len(apart):
        console.print(f"{len(apart) - len(shown)} cells differ within noise, or undecided: --all.", highlight=False)
    notes = _notes(shown)
    groups: dict[tuple[str, str], list[ComparedCell]] = {}
    for one in shown:
        groups.setdefault((one.group, one.network), []).append(one)
    for (group, network), cells in groups.items():
        console.print()
        console.print(Text(printable(f"{group} {network}"), style="bold underline"))
        console.print(_grid(cells, notes))
        for line in _remarks(cells):
            console.print(Text(printable(line), style="dim"), soft_wrap=True)
    if notes:
        console.print()
    for why, sign in notes.items():
        console.print(Text(printable(f"[{sign}] {why}"), style="dim"), soft_wrap=True)
    if found.tested:
        chance = (1 - LEVEL) * found.tested
        console.print(f"\n{RULE} Of {found.tested} intervals about {chance:.1f} exclude 0 by chance.", highlight=False)
    _alone(found.alone, console)


def _heads(a: Side, b: Side) -> Iterator[str]:
    for name, one in (("A", a), ("B", b)):
        what = f"{len(one.values)} values of tables" if one.values else f"{len(one.records)} runs"
        yield f"{name}: {one.name}, {what}"
        yield from (f"{name}: {sentence}" for sentence in one.left_out)


def _contexts(a: Side, b: Side, found: Comparison) -> Iterator[str]:
    ours = a.context or context(found.first)  # not of runs that stand alone
    theirs = b.context or context(found.second)
    apart = dict.fromkeys(one.data for one in found.alone if one.side == "A" and one.data)
    for mine, theirs_are in apart:
        yield f"Differs: data, so that these rows stand alone: A {mine}; B {theirs_are}"
    names = [name for name in CONTEXT if ours.get(name) or theirs.get(name)]
    same = [name for name in names if ours.get(name) == theirs.get(name)]
    for name in names:
        if name not in same:
            yield f"Differs: {name}: A {_listed(ours.get(name))}; B {_listed(theirs.get(name))}"
    other = sum(any(one.field in CODE for one in cell.context) for cell in found.cells)
    if other:
        yield f"Differs: the sources that make the numbers, in {other} of {len(found.cells)} cells"
    yield from _other_bits(found, [name for name in OF_BITS if name in names and name not in same])
    if same:
        yield f"The same: {'; '.join(f'{name} {_listed(ours[name])}' for name in same)}"


def _other_bits(found: Comparison, differing: Sequence[str]) -> Iterator[str]:
    """Why runs of one setting and seed went other ways. differing: what bits hang on, and is not the same."""
    alike = [one for one in found.cells if not one.settings]
    common, same = (sum(getattr(one, name) for one in alike) for name in ("common", "identical"))
    if common == same or not all(run.simulated for run in (*found.first, *found.second)):
        return
    why = list(differing)
    if any(one.field in CODE for cell in alike for one in cell.context):
        why.append("the sources")
    here = f"not the same, or not known, here: {', '.join(why)}" if why else "here all of them are the same"
    yield (
        f"Other losses in {common - same} of {common} pairs of runs of one setting and seed. On the virtual clock "
        "those are equal to the last bit under one torch, one CPU's instructions and one state of the sources, else "
        f"within noise; {here}"
    )


def _listed(values: Sequence[str] | None) -> str:
    return ", ".join(values) if values else "not known"


def _unchanged(found: Comparison, console: Console) -> None:
    rows: dict[str, list[str]] = {}
    for one in found.cells:
        if one.unchanged:
            rows.setdefault(f"{one.group} {one.network}", []).append(one.label)
    count = sum(map(len, rows.values()))
    runs = sum(one.common for one in found.cells if one.unchanged)
    what = f"the same to the last bit in losses and seconds ({runs} pairs of runs)" if runs else "the same"
    console.print(f"\n{count} of {len(found.cells)} cells are {what}.", highlight=False)
    for line in _places(rows, brief=count > MANY) if rows else ():
        console.print(Text(printable(f"  {line}"), style="dim"), soft_wrap=True)


def _grid(cells: Sequence[ComparedCell], notes: Mapping[str, int]) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    grid.add_column("Row", max_width=24)
    grid.add_column("Measure", max_width=22)
    for heading in ("A", "B", "B − A", "B / A", "p"):
        grid.add_column(heading, justify="right", no_wrap=True)
    grid.add_column("Verdict", no_wrap=True)
    for one in cells:
        label = Text(printable(one.label))
        changed = [change for change in one.changes if change.verdict != SAME]
        for number, change in enumerate(changed):
            grid.add_row("" if number else label, *_texts(change, notes))
        if not changed:
            grid.add_row(label, Text("all"), "", "", "", "", "", Text("the same, other losses"))
    return grid


def _texts(change: Change, notes: Mapping[str, int]) -> Iterator[Text]:
    heading = MEASURES[change.measure].heading if change.measure in MEASURES else change.measure
    yield Text(printable(heading))
    yield Text(_mean(change.first))
    yield Text(_mean(change.second))
    spreads = change.low is not None and change.low != change.high
    limits = f" [{_signed(change.low)}, {_signed(change.high)}]" if spreads else ""
    yield Text(f"{_signed(change.difference)}{limits}")
    yield Text(f"{change.ratio:.3g}" if change.ratio is not None else "–")
    yield Text(f"{change.p:.2g}" if change.p is not None else "–")
    note = f" [{notes[change.why]}]" if change.why else ""
    yield Text.assemble((change.verdict, STYLES[change.verdict]), (note, "dim"))


def _notes(cells: Sequence[ComparedCell]) -> dict[str, int]:
    """A number for every reason."""
    whys = dict.fromkeys(change.why for one in cells for change in one.changes if change.why)
    return {why: number for number, why in enumerate(whys, start=1)}


def _mean(value: Summary) -> str:
    if value.mean is None:
        return f"– ({value.n - value.censored} of {value.n})"
    rounding = 1e-9 * abs(value.mean)  # sums in another order are no spread
    spread = f" ± {value.std if value.std > rounding else 0:.2g}" if value.std is not None else ""
    return f"{value.mean:.4g}{spread} ({value.n})"


def _signed(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:+.3g}"


def _remarks(cells: Sequence[ComparedCell]) -> Iterator[str]:
    for one in cells:
        said = []
        if one.identical:
            said.append(f"{one.identical} of {one.common} common seeds have the same losses to the last bit")
        if one.settings:
            said.append(f"other settings, A → B: {', '.join(map(str, one.settings))}")
        if one.incidents:
            said.append(one.incidents)
        if said:
            yield f"{one.label}: {'; '.join(said)}."


def _summary(found: Comparison, console: Console) -> None:
    verdicts = [change.verdict for one in found.cells for change in one.changes]
    words = ", ".join(f"{verdicts.count(word)} {word}" for word in (CHANGED, NOISE, UNDECIDED, SAME))
    console.print(f"{len(found.cells)} cells, {len(verdicts)} values: {words}.", highlight=False)


def _alone(alone: Sequence[Alone], console: Console) -> None:
    for name in ("A", "B"):
        mine = [one for one in alone if one.side == name]
        if mine:
            cells = len({(one.group, one.network, one.row, one.why) for one in mine})
            console.print(f"\n[bold]Only in {name}[/]: {cells} of its cells", highlight=False)
        reasons: dict[str, dict[str, dict[str, None]]] = {}
        for one in mine:
            reasons.setdefault(one.why, {}).setdefault(f"{one.group} {one.network}", {})[one.label] = None
        for why, places in reasons.items():
            console.print(Text(printable(f"  {why[0].upper()}{why[1:]}:")), soft_wrap=True)
            for line in _places(places, brief=why in (NO_NETWORK, NO_TABLE)):
                console.print(Text(printable(f"    {line}"), style="dim"), soft_wrap=True)


def _places(places: Mapping[str, Collection[str]], *, brief: bool) -> list[str]:
    """Lines that name the rows of each place. brief: one line that counts them, for a whole network or table."""
    if brief:
        return ["; ".join(f"{where} ({len(labels)})" for where, labels in places.items())]
    return [f"{where}: {'; '.join(labels)}" for where, labels in places.items()]
