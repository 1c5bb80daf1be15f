"""From records to a table: what was measured beside what was published, and what one has to know to compare them."""

from __future__ import annotations

from benchmarks.runner import plan
from benchmarks.views import notes
from benchmarks.views import values as measured_values
from benchmarks.views.sheets import Sheet
from results import published, statistics, tables
from results.published import Published


def assemble(sheet: Sheet) -> tables.ResultTable:
    values = published.load(sheet.table.id)
    rows = []
    for network in sheet.networks:
        target = sheet.target_of(network)
        label = plan.table_workload(sheet.table, network, sheet.choices).label
        for row in sheet.rows:
            cells = [
                _cell(sheet, network, row.key, measure, target, values.get((network, row.key, measure)))
                for measure in sheet.table.measures
            ]
            rows.append(tables.ResultRow(network, label, row.key, row.label, tuple(cells)))
    return tables.ResultTable(
        name=sheet.table.id,
        title=sheet.table.title,
        source=sheet.table.source,
        measures=tuple(tables.MEASURES[measure] for measure in sheet.table.measures),
        rows=tuple(rows),
        captions=tuple(notes.captions(sheet)),
        notes=tuple(notes.notes(sheet)),
    )


# ---- cells


def _cell(
    sheet: Sheet,
    network: str,
    row: str,
    measure: str,
    target: statistics.Target | None,
    there: Published | None,
) -> tables.ResultCell:
    value, reason = measured_values.measure_of(sheet, network, row, measure, target)
    return tables.ResultCell(there, value, reason or measured_values.incidents(sheet.of(network, row)))


# ---- what stands above and below
