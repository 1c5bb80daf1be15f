"""One table's page of the report, from its runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.papers.ambiguities.interpretations import interpretations
from benchmarks.runner.environment import checkout
from benchmarks.views.journals import Journals
from benchmarks.views.pages import layers, splits
from benchmarks.views.pages.freshness import made_of
from benchmarks.views.pages.links import Tracking
from benchmarks.views.pages.pairwise_tests import pairwise_tests
from benchmarks.views.pictures import caption, curves, goals, options, subtitle, y_label
from benchmarks.views.table import assemble
from benchmarks.views.table_runs import TableRuns
from benchmarks.workloads.networks.names import title_of
from reports.figures import curves as learning
from reports.figures.queue import FigureQueue
from reports.site import verdicts
from reports.site.pages import Block, Grid, Line, Page, Picture, grid_of_pairs
from reports.tables import texts
from reports.tables.texts import BLANK
from results.frames import commit, torch
from results.records import Record
from results.records.spec import flat
from results.tables import Glance, ResultTable

Runs = Sequence[tuple[str, Record]]
"""Each run with its row's label."""


def page(table_runs: TableRuns, journals: Journals, store: Tracking, folder: Path, queue: FigureQueue) -> Page:
    """folder: of the report; pictures are drawn into the page's own folder, once the queue has finished."""
    table, grid = assemble(table_runs), table_runs.grid
    runs = [(row.label, run) for net in grid.networks for row in grid.rows for run in table_runs.of(net, row.key)]
    records = [record for _, record in runs]
    all_splits = splits.splits(table)
    place = table.conditions.folder(folder) / table.name
    return Page(
        id=table.name,
        title=table.title,
        source=table.source,
        captions=table.captions,
        measures=tuple(measure.heading for measure in table.measures),
        blocks=tuple(_blocks(table, table_runs)),
        notes=(*table.caveats, *table.notes),
        audit=table.audit,
        published_audit=table.published_audit,
        readings=tuple(interpretations(table.name, grid.runs)),
        curves=tuple(_curves(table_runs, place, queue)),
        rivals=tuple(pairwise_tests(table_runs, table)),
        splits=tuple(splits.grids(all_splits)),
        split_pictures=tuple(splits.draw(all_splits, subtitle(table_runs), place, queue)),
        staleness=tuple(layers.grids(table_runs)),
        staleness_pictures=tuple(layers.draw(table_runs, place, queue)),
        runs=_list(runs),
        incidents=tuple(_incidents(records)),
        configuration=tuple(_configuration(table_runs)),
        environment=tuple(_environments(records)),
        tracking=store.hint(records),
        links=store.links(runs),
        command=replace(grid.command, seeds=table_runs.seeds).text(),
        condition=table.conditions,
        facts=tuple(_machines(records)),
        refresh=grid.command.text("report"),
        made_of=made_of([table_runs], journals),
        made_by=checkout(),
        glances=tuple(_glance(table, glance) for glance in table.glances),
    )


def _glance(table: ResultTable, glance: Glance) -> Grid:
    rows = tuple(texts.glance_lines(glance))
    return Grid(texts.glance_title(glance), texts.glance_header(table, glance), rows, texts.glance_notes(glance))


def _blocks(table: ResultTable, table_runs: TableRuns) -> Iterator[Block]:
    scale, other_data = table_runs.grid.scale, table_runs.grid.other_data
    for _, of_network in groupby(table.rows, key=lambda row: row.network):
        rows = list(of_network)
        lines = []
        for row in rows:
            pairs = zip(row.cells, table.measures, strict=True)
            entries = tuple(verdicts.entry(cell, measure, scale, other_data) for cell, measure in pairs)
            lines.append(Line(row.method_label, entries, row.row))
        yield Block(rows[0].network_label, tuple(lines), rows[0].network)


def _curves(table_runs: TableRuns, place: Path, queue: FigureQueue) -> Iterator[Picture]:
    """Draws the learning curves, and those on the validation split where runs have one."""
    title = f"{table_runs.table.title}\n({subtitle(table_runs)})"
    if on_test := list(curves(table_runs)):
        queue.draw(learning.curves, on_test, place / "curves", title=title, **options(table_runs))
        best: dict[str, float] = {}
        for curve in on_test:
            key = f"{curve.label} on {curve.panel}"
            best[key] = max((*([best[key]] if key in best else ()), *curve.values), key=table_runs.judge.rank)
        values = "; ".join(f"{key} at best {value:.4g} {table_runs.judge.unit}" for key, value in best.items())
        words = caption(table_runs, on_test, goals(table_runs))
        yield Picture(place / "curves", words, f"Learning curves of {len(on_test)} runs: {values}.")
    if on_validation := list(curves(table_runs, validation=True)):
        chosen = {**options(table_runs), "y_label": y_label(table_runs, "validation"), "targets": {}}
        queue.draw(learning.curves, on_validation, place / "validation", title=title, **chosen)
        words = caption(table_runs, on_validation, {}, "validation")
        yield Picture(place / "validation", words, f"Curves on the validation split of {len(on_validation)} runs.")


# ---- provenance: runs, incidents, configurations and environments


def _list(runs: Runs) -> Grid:
    rows = []
    for label, record in runs:
        last = record.evaluations[-1] if record.evaluations else None
        seconds = last.metrics.get(record.clock) if last is not None else None
        extent = (str(last.epoch) if last else BLANK, f"{seconds:.4g}" if seconds is not None else BLANK)
        network = title_of(record.network)
        rows.append((label, network, str(record.seed), record.status, *extent, record.id[:16]))
    headers = ("Method", "Network", "Seed", "Status", "Epochs", "Seconds", "Journal")
    return Grid("Runs; a journal's folder begins with these letters", headers, tuple(rows), numbers=False)


def _incidents(records: Sequence[Record]) -> Iterator[str]:
    """Yields a sentence for everything that did not go as planned."""
    for record in records:
        who = f"{record.labels.method_title or record.method}, {record.network}, seed {record.seed}"
        if record.end is None:
            yield f"{who}: the journal has no end: the run goes on, or was killed; its complete lines are shown."
        elif record.status != "finished":
            yield f"{who}: {record.status}: {record.end.get('reason', '')}"
        if not record.evaluations:
            yield f"{who}: no evaluation was recorded."
        metrics = [item for point in record.evaluations for item in point.metrics.items()]
        if not_finite := {name for name, value in metrics if value - value != 0}:
            yield f"{who}: not finite, so in no curve and no mean: {', '.join(sorted(not_finite))}."


def _configuration(table_runs: TableRuns) -> Iterator[Grid]:
    """Yields settings of each network that all rows share, then each row's own; of the runs of the first seeds."""
    for network in table_runs.networks:
        records = {row.label: table_runs.of(network, row.key) for row in table_runs.rows}
        specs = {label: _texts(of_row[0].spec.document()) for label, of_row in records.items() if of_row}
        if not specs:
            continue
        keys = dict.fromkeys(key for spec in specs.values() for key in spec if key != "seed")
        shared = {key for key in keys if len({spec.get(key) for spec in specs.values()}) == 1}
        first = next(iter(specs.values()))
        common = [(key, first[key]) for key in keys if key in shared]
        yield grid_of_pairs(f"{title_of(network)}: what all runs share", ("Setting", "Value"), common)
        own = [
            (label, ", ".join(f"{key}={spec[key]}" for key in keys if key in spec and key not in shared))
            for label, spec in specs.items()
        ]
        yield grid_of_pairs(f"{title_of(network)}: what runs have of their own", ("Method", "Settings"), own)


def _environments(records: Sequence[Record]) -> Iterator[Grid]:
    """Yields each environment once, with the number of its runs; the command line is in the journals."""
    texts_of = (
        _texts({key: value for key, value in record.environment.items() if key != "command"}) for record in records
    )
    for pairs, count in Counter(tuple(environment.items()) for environment in texts_of).items():
        yield grid_of_pairs(f"Environment of {count} of {len(records)} runs", ("What", "Value"), pairs)


def _machines(records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    """Yields machines, commits and releases of torch, each once, by name."""
    yield from dict.fromkeys(("Machine", _machine(record)) for record in records)
    commits = (commit(record).replace(", modified", " with uncommitted changes") for record in records)
    yield from dict.fromkeys(("Commit", text) for text in commits)
    yield from dict.fromkeys(("PyTorch", torch(record)) for record in records)


def _machine(record: Record) -> str:
    environment, gpu = record.environment, record.spec.gpu
    cpu = f"{environment.get('cpu')}, {environment.get('cores')} cores, {environment.get('system')}"
    return f"{gpu}, driver {environment.get('gpu', {}).get('driver')}; {cpu}" if gpu else cpu


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Nested mappings as dotted names, all values as text."""
    return {name: str(value) for name, value in flat(values).items()}
