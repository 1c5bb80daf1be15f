"""Prints a comparison: a summary, the cells that differ, then what only one side has."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from benchmarks.commands.compare_sides import CONTEXT, OF_BITS, Side, context
from benchmarks.commands.screen import say
from reports.tables.texts import printable
from results.comparison import ComparedCell, Comparison
from results.comparison.changes import CHANGED, NOISE, SAME, UNDECIDED, Change
from results.comparison.matching import NO_NETWORK, NO_TABLE, Alone
from results.measures import MEASURES
from results.statistics import Summary
from results.statistics.intervals import LEVEL

FEW = 10
"""Up to this many cells that differ, all are shown; beyond it, only those that changed."""
MANY = 40
"""Up to this many equal cells are named; beyond it, they are counted."""
STYLES = {CHANGED: "bold yellow", NOISE: "", UNDECIDED: "dim", SAME: "dim"}
CODE = ("numerics", "sources")
"""Fields of a spec that say which code made the numbers."""
RULE = (
    "[ ]: 95 % interval of the mean difference, Student's t over seeds that both have, else Welch's t. It excludes 0: "
    "changed. It holds 0: within noise, which does not show that nothing has changed. "
    "p: permutation test of A's runs against B's, which pairs no seeds and assumes no distribution. "
    "Three seeds are weak evidence. A time until something is reached is that of an evaluation."
)


def show(a: Side, b: Side, comparison: Comparison, console: Console, *, every: bool = False) -> None:
    """Prints a comparison: summary, contexts, cells with their intervals, and what only one side has.

    Where more than FEW cells differ, only those that changed beyond noise, unless `every`.
    """
    _summary(comparison, console)
    for line in (*_heads(a, b), *_contexts(a, b, comparison)):
        say(console, printable(line))
    _unchanged(comparison, console)
    shown = differing = [cell for cell in comparison.cells if not cell.unchanged]
    if not every and len(differing) > FEW:
        shown = [cell for cell in differing if any(change.verdict == CHANGED for change in cell.changes)]
    if hidden := len(differing) - len(shown):
        console.print(f"{hidden} cells differ within noise, or undecided: --all.", highlight=False)
    notes = _notes(shown)
    groups: dict[tuple[str, str], list[ComparedCell]] = {}
    for cell in shown:
        groups.setdefault((cell.group, cell.network), []).append(cell)
    for (group, network), cells in groups.items():
        console.print()
        console.print(Text(printable(f"{group} {network}"), style="bold underline"))
        console.print(_grid(cells, notes))
        for line in _remarks(cells):
            say(console, printable(line), "dim")
    if notes:
        console.print()
    for why, sign in notes.items():
        say(console, printable(f"[{sign}] {why}"), "dim")
    if comparison.tested:
        chance = (1 - LEVEL) * comparison.tested
        console.print(
            f"\n{RULE} Of {comparison.tested} intervals about {chance:.1f} exclude 0 by chance.", highlight=False
        )
    _alone(comparison.alone, console)


def _heads(a: Side, b: Side) -> Iterator[str]:
    for name, side in (("A", a), ("B", b)):
        contents = f"{len(side.values)} values of tables" if side.values else f"{len(side.records)} runs"
        yield f"{name}: {side.name}, {contents}"
        yield from (f"{name}: {sentence}" for sentence in side.left_out)


def _contexts(a: Side, b: Side, comparison: Comparison) -> Iterator[str]:
    first_context = a.context or context(comparison.first)  # not of runs that stand alone
    second_context = b.context or context(comparison.second)
    other_data = dict.fromkeys(entry.data for entry in comparison.alone if entry.side == "A" and entry.data)
    for first_data, second_data in other_data:
        yield f"Differs: data, so that these rows stand alone: A {first_data}; B {second_data}"
    names = [name for name in CONTEXT if first_context.get(name) or second_context.get(name)]
    equal_names = [name for name in names if first_context.get(name) == second_context.get(name)]
    for name in names:
        if name not in equal_names:
            yield f"Differs: {name}: A {_listed(first_context.get(name))}; B {_listed(second_context.get(name))}"
    other_code = sum(any(entry.field in CODE for entry in cell.context) for cell in comparison.cells)
    if other_code:
        yield f"Differs: the sources that make the numbers, in {other_code} of {len(comparison.cells)} cells"
    yield from _other_bits(comparison, [name for name in OF_BITS if name in names and name not in equal_names])
    if equal_names:
        yield f"The same: {'; '.join(f'{name} {_listed(first_context[name])}' for name in equal_names)}"


def _other_bits(comparison: Comparison, differing: Sequence[str]) -> Iterator[str]:
    """Yields why runs of one setting and seed have other bits. differing: what bits depend on, and is not the same."""
    same_settings = [entry for entry in comparison.cells if not entry.settings]
    common, identical_runs = (sum(getattr(entry, name) for entry in same_settings) for name in ("common", "identical"))
    if common == identical_runs or not all(run.simulated for run in (*comparison.first, *comparison.second)):
        return
    why = list(differing)
    if any(entry.field in CODE for cell in same_settings for entry in cell.context):
        why.append("the sources")
    reasons = f"they differ, or are unknown, in: {', '.join(why)}" if why else "here all of them are the same"
    yield (
        f"Other losses in {common - identical_runs} of {common} pairs of runs of one setting and seed. On the virtual "
        "clock those are equal to the last bit under one torch, one CPU's instructions and one state of the sources, "
        f"else within noise; {reasons}"
    )


def _listed(values: Sequence[str] | None) -> str:
    return ", ".join(values) if values else "unknown"


def _unchanged(comparison: Comparison, console: Console) -> None:
    rows: dict[str, list[str]] = {}
    for cell in comparison.cells:
        if cell.unchanged:
            rows.setdefault(f"{cell.group} {cell.network}", []).append(cell.label)
    count = sum(map(len, rows.values()))
    runs = sum(cell.common for cell in comparison.cells if cell.unchanged)
    description = f"the same to the last bit in losses and seconds ({runs} pairs of runs)" if runs else "the same"
    console.print(f"\n{count} of {len(comparison.cells)} cells are {description}.", highlight=False)
    for line in _places(rows, brief=count > MANY) if rows else ():
        say(console, printable(f"  {line}"), "dim")


def _grid(cells: Sequence[ComparedCell], notes: Mapping[str, int]) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    grid.add_column("Row", max_width=24)
    grid.add_column("Measure", max_width=22)
    for heading in ("A", "B", "B − A", "B / A", "p"):
        grid.add_column(heading, justify="right", no_wrap=True)
    grid.add_column("Verdict", no_wrap=True)
    for cell in cells:
        label = Text(printable(cell.label))
        changed = [change for change in cell.changes if change.verdict != SAME]
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
    """Numbers the reasons that are shown as footnotes."""
    whys = dict.fromkeys(change.why for cell in cells for change in cell.changes if change.why)
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
    for cell in cells:
        remarks = []
        if cell.identical:
            remarks.append(f"{cell.identical} of {cell.common} common seeds have the same losses to the last bit")
        if cell.settings:
            remarks.append(f"other settings, A → B: {', '.join(map(str, cell.settings))}")
        if cell.incidents:
            remarks.append(cell.incidents)
        if remarks:
            yield f"{cell.label}: {'; '.join(remarks)}."


def _summary(comparison: Comparison, console: Console) -> None:
    verdicts = [change.verdict for cell in comparison.cells for change in cell.changes]
    words = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in (CHANGED, NOISE, UNDECIDED, SAME))
    console.print(f"{len(comparison.cells)} cells, {len(verdicts)} values: {words}.", highlight=False)


def _alone(rows_alone: Sequence[Alone], console: Console) -> None:
    for name in ("A", "B"):
        of_side = [row for row in rows_alone if row.side == name]
        if of_side:
            cells = len({(row.group, row.network, row.row, row.why) for row in of_side})
            console.print(f"\n[bold]Only in {name}[/]: {cells} of its cells", highlight=False)
        reasons: dict[str, dict[str, dict[str, None]]] = {}
        for row in of_side:
            reasons.setdefault(row.why, {}).setdefault(f"{row.group} {row.network}", {})[row.label] = None
        for why, places in reasons.items():
            say(console, printable(f"  {why[0].upper()}{why[1:]}:"))
            for line in _places(places, brief=why in (NO_NETWORK, NO_TABLE)):
                say(console, printable(f"    {line}"), "dim")


def _places(places: Mapping[str, Collection[str]], *, brief: bool) -> list[str]:
    """Formats rows grouped by table and network, "table3 resnet18: BP; DDP"; brief: with numbers instead of names."""
    if brief:
        return ["; ".join(f"{place} ({len(labels)})" for place, labels in places.items())]
    return [f"{place}: {'; '.join(labels)}" for place, labels in places.items()]
