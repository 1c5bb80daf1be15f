"""Staleness, lost updates and torn reads of a table's runs, layer by layer: tables of a page and a picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.views.pictures import seconds_label, subtitle
from benchmarks.views.table_runs import TableRuns
from benchmarks.workloads.networks.names import title_of
from reports.figures import diagnostics
from reports.figures.diagnostics import Ageing
from reports.figures.queue import FigureQueue
from reports.site.pages import Grid, Picture
from results.records import Record

Layers = Mapping[str, Mapping[str, float]]
"""Layer -> part -> value, of one run."""
PARTS = ("reads", "lost_updates", "overlapping_updates", "weight_reads", "torn_reads", "overlapping_reads")
LOST = (
    "With updates=overwrite exact: updates that are not in the weights at the end. With lock_free an estimate, by "
    "counters that race as the weights do; the bound counts the updates that overlapped another write in time.",
)
TORN = (
    "A pass takes no lock, unless the run is recorded, so it may see half of an update that takes one. The estimate "
    "assumes that both go through the weights once, front to back; the bound counts all that overlapped in time.",
)
CONFLICTS = (
    ("updates lost", ("lost_updates", "overlapping_updates", "reads"), LOST),
    ("reads that saw half of an update", ("torn_reads", "overlapping_reads", "weight_reads"), TORN),
)
"""Topic, the parts that count it, bound it and are its whole, and notes."""


def ageing(table_runs: TableRuns, network: str) -> list[Ageing]:
    """Staleness of every row by layer, without rows of which no run ended."""
    rows = [age(table_runs.of(network, row.key), row.label, row.key, title_of(network)) for row in table_runs.rows]
    return [row for row in rows if row is not None]


def age(records: Sequence[Record], label: str, key: str, panel: str) -> Ageing | None:
    """Staleness by layer, the mean over the runs of a row; None where no run ended, or their layers differ."""
    per_run = _per_run(records, ("updates", "seconds"))
    if not per_run:
        return None
    names = list(per_run[0])
    updates, seconds = (
        [math.fsum(layers[name][part] for layers in per_run) / len(per_run) for name in names]
        for part in ("updates", "seconds")
    )
    return Ageing(label, panel, names, updates, seconds, key)


def _per_run(records: Sequence[Record], parts: Sequence[str]) -> list[Layers]:
    """Layers of each run that have all parts as finite numbers; empty where the runs' layers differ."""
    per_run: list[Layers] = []
    for record in records:
        lines = (record.end or {}).get("staleness") or ()
        if layers := {
            str(line.get("layer")): {part: float(line[part]) for part in parts}
            for line in lines
            if all(isinstance(line.get(part), int | float) and math.isfinite(line[part]) for part in parts)
        }:
            per_run.append(layers)
    return per_run if all(list(layers) == list(per_run[0]) for layers in per_run) else []


def grids(table_runs: TableRuns) -> Iterator[Grid]:
    """Yields tables of staleness, then of lost updates and of reads while others wrote, in percent with a bound."""
    for network in table_runs.networks:
        if ages := ageing(table_runs, network):
            layers = max((row.layers for row in ages), key=len)
            updates = tuple((row.label, *(f"{value:.3g}" for value in row.updates)) for row in ages)
            caption = f"{title_of(network)}: others' updates between reading and updating"
            yield Grid(caption, ("Method", *layers), updates)
    for network in table_runs.networks:
        counts = {row.label: _counts(table_runs.of(network, row.key)) for row in table_runs.rows}
        for topic, (part, bound, whole), notes in CONFLICTS:
            rows = tuple(
                (label, *(_percent(layer[part], layer[bound], layer[whole]) for layer in layers.values()))
                for label, layers in counts.items()
                if any(layer[part] or layer[bound] for layer in layers.values())
            )
            if rows:
                names = max(counts.values(), key=len)
                yield Grid(f"{title_of(network)}: {topic} (%), and at most", ("Method", *names), rows, notes)


def _counts(records: Sequence[Record]) -> Layers:
    """Sums over the runs; empty where they have none of these counts, as of earlier versions."""
    per_run = _per_run(records, PARTS)
    names = per_run[0] if per_run else ()
    return {name: {part: sum(layers[name][part] for layers in per_run) for part in PARTS} for name in names}


def _percent(count: float, bound: float, whole: float) -> str:
    """'1.2 (≤ 3.4)'; without the bound where it is no higher."""
    share, most = (100 * value / max(1, whole) for value in (count, bound))
    return f"{share:.3g} (≤ {most:.3g})" if most > share else f"{share:.3g}"


def draw(table_runs: TableRuns, folder: Path, queue: FigureQueue) -> Iterator[Picture]:
    """Draws staleness by layer into the folder, once the queue has finished; nothing where all is zero."""
    ages = [row for network in table_runs.networks for row in ageing(table_runs, network)]
    if not any(value for row in ages for value in (*row.updates, *row.seconds)):
        return
    title = f"Staleness of a layer's gradients\n({subtitle(table_runs)})"
    queue.draw(diagnostics.staleness, ages, folder / "staleness", title=title, seconds=seconds_label(table_runs))
    means = [(row, math.fsum(row.updates) / len(row.updates)) for row in ages]
    numbers = "; ".join(f"{row.label} on {row.panel} {mean:.2g}" for row, mean in means)
    caption = "Staleness, from the first layer to the last: others' updates, and seconds, between reading and updating."
    if coinciding := diagnostics.coinciding(ages):
        caption = f"{caption} {coinciding}."
    yield Picture(
        folder / "staleness", caption, f"Lines by layer; updates, mean over layers: {numbers}. A table follows."
    )
