"""One table's page of the report, from its sheet."""

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
from benchmarks.views.pages.rivals import rivals
from benchmarks.views.sheets import Sheet
from benchmarks.views.table import assemble
from benchmarks.workloads.networks.names import title_of
from reports.figures.queue import FigureQueue
from reports.site import verdicts
from reports.site.pages import Block, Grid, Line, Page
from reports.tables import texts
from results.tables import Glance, ResultRow, ResultTable


def page(sheet: Sheet, found: Journals, store: Tracking, folder: Path, queue: FigureQueue) -> Page:
    """found: all runs. folder: of the report; pictures are drawn into the page's own, once the queue has finished."""
    table = assemble(sheet)
    runs = [(row.label, r) for net in sheet.networks for row in sheet.rows for r in sheet.of(net, row.key)]
    records = [record for _, record in runs]
    shares = splits.splits(table)
    ours = {name: one for name, one in shares.items() if name[1] == "measured"}
    drawn = pictures.draw(sheet, ours, table.conditions.folder(folder), queue)
    refresh = sheet.grid.command.text("report")
    return Page(
        id=table.name,
        title=table.title,
        source=table.source,
        captions=table.captions,
        measures=tuple(measure.heading for measure in table.measures),
        blocks=tuple(_blocks(table, sheet)),
        notes=(*table.caveats, *table.notes),
        audit=table.audit,
        published_audit=table.published_audit,
        readings=tuple(interpretations(table.name, sheet.grid.runs)),
        curves=drawn["curves"],
        rivals=tuple(rivals(sheet, table)),
        splits=tuple(splits.grid(*key, *one) for key, one in shares.items()),
        split_pictures=drawn["splits"],
        staleness=(*_staleness(sheet), *conflicts.grids(sheet)),
        staleness_pictures=drawn["staleness"],
        runs=provenance.runs(runs),
        incidents=tuple(provenance.incidents(records)),
        configuration=tuple(provenance.configuration(sheet)),
        environment=tuple(provenance.environments(records)),
        tracking=store.hint(records),
        links=store.links(runs),
        command=replace(sheet.grid.command, seeds=sheet.seeds).text(),
        condition=table.conditions,
        facts=tuple(provenance.machines(records)),
        refresh=refresh,
        made_of=made_of([sheet], found),
        made_by=checkout(),
        glances=tuple(_glance(table, one) for one in table.glances),
    )


def _glance(table: ResultTable, one: Glance) -> Grid:
    rows = tuple(texts.glance_lines(one))
    return Grid(texts.glance_title(one), texts.glance_header(table, one), rows, texts.glance_notes(one))


def _blocks(table: ResultTable, sheet: Sheet) -> Iterator[Block]:
    for _, of_network in groupby(table.rows, key=lambda row: row.network):
        rows = list(of_network)
        lines = tuple(_line(table, row, sheet) for row in rows)
        yield Block(rows[0].network_label, lines, rows[0].network)


def _line(table: ResultTable, row: ResultRow, sheet: Sheet) -> Line:
    scale, other = sheet.grid.scale, sheet.grid.other_data
    entries = (
        verdicts.entry(cell, measure, scale, other) for measure, cell in zip(table.measures, row.cells, strict=True)
    )
    return Line(row.method_label, tuple(entries), row.row)


def _staleness(sheet: Sheet) -> Iterator[Grid]:
    for network in sheet.networks:
        found = pictures.ageing(sheet, network)
        if found:
            layers = max((one.layers for one in found), key=len)
            updates = tuple((one.label, *(f"{value:.3g}" for value in one.updates)) for one in found)
            yield Grid(
                f"{title_of(network)}: others' updates between reading and updating", ("Method", *layers), updates
            )
