"""One table's page of the report, from its runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from benchmarks.papers.ambiguities.interpretations import interpretations
from benchmarks.runner.environment import checkout
from benchmarks.views.journals import Journals
from benchmarks.views.pages import conflicts, pictures, provenance, splits
from benchmarks.views.pages.freshness import made_of
from benchmarks.views.pages.links import Tracking
from benchmarks.views.pages.pairwise_tests import pairwise_tests
from benchmarks.views.table import assemble
from benchmarks.views.table_runs import TableRuns
from benchmarks.workloads.networks.names import title_of
from reports.figures.queue import FigureQueue
from reports.site import verdicts
from reports.site.pages import Block, Grid, Line, Page
from reports.tables import texts
from results.tables import Glance, ResultTable


def page(table_runs: TableRuns, found: Journals, store: Tracking, folder: Path, queue: FigureQueue) -> Page:
    """found: all runs. folder: of the report; pictures are drawn into the page's own, once the queue has finished."""
    table = assemble(table_runs)
    runs = [
        (row.label, r) for net in table_runs.networks for row in table_runs.rows for r in table_runs.of(net, row.key)
    ]
    records = [record for _, record in runs]
    shares = splits.splits(table)
    ours = {name: one for name, one in shares.items() if name[1] == "measured"}
    drawn = pictures.draw(table_runs, ours, table.conditions.folder(folder), queue)
    refresh = table_runs.grid.command.text("report")
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
        readings=tuple(interpretations(table.name, table_runs.grid.runs)),
        curves=drawn["curves"],
        rivals=tuple(pairwise_tests(table_runs, table)),
        splits=tuple(splits.grid(*key, *one) for key, one in shares.items()),
        split_pictures=drawn["splits"],
        staleness=(*_staleness(table_runs), *conflicts.grids(table_runs)),
        staleness_pictures=drawn["staleness"],
        runs=provenance.runs(runs),
        incidents=tuple(provenance.incidents(records)),
        configuration=tuple(provenance.configuration(table_runs)),
        environment=tuple(provenance.environments(records)),
        tracking=store.hint(records),
        links=store.links(runs),
        command=replace(table_runs.grid.command, seeds=table_runs.seeds).text(),
        condition=table.conditions,
        facts=tuple(provenance.machines(records)),
        refresh=refresh,
        made_of=made_of([table_runs], found),
        made_by=checkout(),
        glances=tuple(_glance(table, one) for one in table.glances),
    )


def _glance(table: ResultTable, one: Glance) -> Grid:
    rows = tuple(texts.glance_lines(one))
    return Grid(texts.glance_title(one), texts.glance_header(table, one), rows, texts.glance_notes(one))


def _blocks(table: ResultTable, table_runs: TableRuns) -> Iterator[Block]:
    scale, other = table_runs.grid.scale, table_runs.grid.other_data
    for _, of_network in groupby(table.rows, key=lambda row: row.network):
        rows = list(of_network)
        lines = []
        for row in rows:
            pairs = zip(row.cells, table.measures, strict=True)
            entries = tuple(verdicts.entry(cell, measure, scale, other) for cell, measure in pairs)
            lines.append(Line(row.method_label, entries, row.row))
        yield Block(rows[0].network_label, tuple(lines), rows[0].network)


def _staleness(table_runs: TableRuns) -> Iterator[Grid]:
    for network in table_runs.networks:
        found = pictures.ageing(table_runs, network)
        if found:
            layers = max((one.layers for one in found), key=len)
            updates = tuple((one.label, *(f"{value:.3g}" for value in one.updates)) for one in found)
            yield Grid(
                f"{title_of(network)}: others' updates between reading and updating", ("Method", *layers), updates
            )
