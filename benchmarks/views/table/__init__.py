"""From records to a table: what was measured beside what was published, and what one has to know to compare them."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.papers.confounds.measured import audit
from benchmarks.papers.confounds.published import published_audit, published_brief
from benchmarks.views import conditions, notes
from benchmarks.views.sheets import Sheet
from benchmarks.views.table.glance import glance
from benchmarks.views.values import by_run, context, value
from results.measures import MEASURES, incidents
from results.tables import ResultCell, ResultRow, ResultTable


def assemble(sheet: Sheet) -> ResultTable:
    found, beside = audit(sheet.grid.runs, sheet.records), bool(sheet.grid.published)
    return ResultTable(
        name=sheet.table.id,
        title=sheet.table.title,
        source=sheet.table.source,
        measures=tuple(MEASURES[measure] for measure in sheet.table.measures),
        rows=tuple(_rows(sheet)),
        captions=tuple(notes.captions(sheet)),
        caveats=(
            *notes.caveats(sheet),
            *found.brief,
            *(published_brief(sheet.table.id) if beside else ()),
        ),
        notes=tuple(notes.notes(sheet)),
        audit=found.lines,
        published_audit=tuple(published_audit(sheet.table.id)) if beside else (),
        conditions=conditions.of_sheet(sheet),
        glances=tuple(filter(None, (glance(sheet, network, context(sheet, network)) for network in sheet.networks))),
    )


def _rows(sheet: Sheet) -> Iterator[ResultRow]:
    theirs = sheet.grid.published
    for network in sheet.networks:
        given, label = context(sheet, network), sheet.grid.label(network)
        for row in sheet.rows:
            cells = []
            for measure in sheet.table.measures:
                ours, reason = value(sheet, network, row.key, measure, given)
                reason = reason or incidents(sheet.of(network, row.key))
                its = by_run(sheet, network, row.key, measure, given)
                cells.append(ResultCell(theirs.get((network, row.key, measure)), ours, reason, its))
            yield ResultRow(network, label, row.key, row.label, tuple(cells))
