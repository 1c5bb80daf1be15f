"""The pictures of a table's page: learning curves, splits of a time, staleness layer by layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.views.pictures import caption, curves, goals, options, seconds_label, subtitle, y_label
from benchmarks.views.table_runs import TableRuns
from benchmarks.workloads.networks.names import title_of
from reports.figures import curves as learning
from reports.figures import diagnostics
from reports.figures.diagnostics import Ageing
from reports.figures.queue import FigureQueue
from reports.site.pages import Picture
from reports.speedups import Splits
from results.records import Record

Pictures = dict[str, tuple[Picture, ...]]


def draw(table_runs: TableRuns, splits: Splits, folder: Path, queue: FigureQueue) -> Pictures:
    """Whatever there is to be drawn, into <folder>/<table>/, once the queue has finished."""
    place = folder / table_runs.table.id
    return {
        "curves": tuple(_curves(table_runs, place, queue)),
        "splits": tuple(_splits(table_runs, splits, place, queue)),
        "staleness": tuple(_staleness(table_runs, place, queue)),
    }


def _curves(table_runs: TableRuns, place: Path, queue: FigureQueue) -> Iterator[Picture]:
    found = list(curves(table_runs))
    if not found:
        return
    levels = goals(table_runs)
    title = f"{table_runs.table.title}\n({subtitle(table_runs)})"
    queue.draw(learning.curves, found, place / "curves", title=title, **options(table_runs))
    tops: dict[tuple[str, str], float] = {}
    for one in found:
        key = one.panel, one.label
        tops[key] = max((*([tops[key]] if key in tops else ()), *one.values), key=table_runs.judge.rank)
    unit = table_runs.judge.unit
    said = "; ".join(f"{label} on {panel} at best {top:.4g} {unit}" for (panel, label), top in tops.items())
    yield Picture(
        place / "curves", caption(table_runs, found, levels), f"Learning curves of {len(found)} runs: {said}."
    )
    if held_out := list(curves(table_runs, validation=True)):
        chosen = {**options(table_runs), "y_label": y_label(table_runs, "validation"), "targets": {}}
        queue.draw(learning.curves, held_out, place / "validation", title=title, **chosen)
        words = caption(table_runs, held_out, {}, "validation")
        yield Picture(place / "validation", words, f"Curves on the validation split of {len(held_out)} runs.")


def _splits(table_runs: TableRuns, splits: Splits, place: Path, queue: FigureQueue) -> Iterator[Picture]:
    if not splits:
        return
    panels = {f"{net}, time to {what}": found for (net, _, what), (_, found) in splits.items()}
    title = f"What the time is made of, as measured\n({subtitle(table_runs)})"
    queue.draw(diagnostics.splits, panels, place / "split", title=title)
    said = "; ".join(f"{one.label}, {panel}: {one.speedup:.2f}" for panel, found in panels.items() for one in found)
    words = (
        "Speed-up over the slowest method, as the product of fewer epochs and faster epochs (measured); lines: 95 % "
        "intervals of the ratios of means, where both methods have two runs."
    )
    yield Picture(place / "split", words, f"Dots of the factors; the speed-ups: {said}. The table has the factors.")


def ageing(table_runs: TableRuns, network: str) -> list[Ageing]:
    """Every row's staleness by layer, the mean over its runs; rows of which no run ended, or all zero, are left out."""
    rows = ((row, table_runs.of(network, row.key)) for row in table_runs.rows)
    return [one for row, records in rows if (one := age(records, row.label, row.key, title_of(network))) is not None]


def age(records: Sequence[Record], label: str, key: str, panel: str) -> Ageing | None:
    """Staleness by layer, the mean over the runs of a row; None where no run ended, or their layers differ."""
    per_run = [layers for record in records if (layers := _layers(record))]
    if not per_run or any(list(layers) != list(per_run[0]) for layers in per_run):
        return None
    means = [_mean([layers[name] for layers in per_run]) for name in per_run[0]]
    updates, seconds = map(list, zip(*means, strict=True))
    return Ageing(label, panel, list(per_run[0]), updates, seconds, key)


def _layers(record: Record) -> dict[str, tuple[float, float]]:
    """Layer -> (updates, seconds), as far as they are finite numbers."""
    found = {}
    for line in (record.end or {}).get("staleness") or ():
        pair = line.get("updates"), line.get("seconds")
        if all(isinstance(value, int | float) and math.isfinite(value) for value in pair):
            found[str(line.get("layer"))] = (float(pair[0]), float(pair[1]))
    return found


def _mean(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return math.fsum(a for a, _ in pairs) / len(pairs), math.fsum(b for _, b in pairs) / len(pairs)


def _staleness(table_runs: TableRuns, place: Path, queue: FigureQueue) -> Iterator[Picture]:
    found = [one for network in table_runs.networks for one in ageing(table_runs, network)]
    if not any(value for one in found for value in (*one.updates, *one.seconds)):
        return
    title = f"Staleness of a layer's gradients\n({subtitle(table_runs)})"
    queue.draw(diagnostics.staleness, found, place / "staleness", title=title, seconds=seconds_label(table_runs))
    means = [(one, math.fsum(one.updates) / len(one.updates)) for one in found]
    said = "; ".join(f"{one.label} on {one.panel} {mean:.2g}" for one, mean in means)
    words = "Staleness, from the first layer to the last: others' updates, and seconds, between reading and updating."
    words = f"{words} {lies}." if (lies := diagnostics.coinciding(found)) else words
    yield Picture(place / "staleness", words, f"Lines by layer; updates, mean over layers: {said}. A table follows.")
