"""Assembles a table: measured values beside published ones, and the sentences needed to compare them."""

from __future__ import annotations

from benchmarks.papers.confounds.measured import audit
from benchmarks.papers.confounds.published import published_audit, published_brief
from benchmarks.views import conditions, notes
from benchmarks.views.glance import glance
from benchmarks.views.table_runs import TableRuns
from results.measures import MEASURES
from results.tables import ResultRow, ResultTable


def assemble(table_runs: TableRuns) -> ResultTable:
    """The table as plain data, from which every output of it is made."""
    grid, table = table_runs.grid, table_runs.table
    confounds = audit(grid.cells, table_runs.records)
    rows = [
        ResultRow(
            network,
            grid.label(network),
            row.key,
            row.label,
            tuple(
                table_runs.cell(network, row.key, MEASURES[key], grid.published.get((network, row.key, key)))
                for key in table.measures
            ),
        )
        for network in grid.networks
        for row in grid.rows
    ]
    return ResultTable(
        name=table.id,
        title=table.title,
        source=table.source,
        measures=tuple(table_runs.measures),
        rows=tuple(rows),
        captions=tuple(notes.captions(table_runs)),
        caveats=(
            *notes.caveats(table_runs),
            *confounds.brief,
            *(published_brief(table.id) if grid.published else ()),
        ),
        notes=tuple(notes.notes(table_runs)),
        audit=confounds.lines,
        published_audit=tuple(published_audit(table.id)) if grid.published else (),
        conditions=conditions.of_table(table_runs),
        glances=tuple(filter(None, (glance(table_runs, network) for network in grid.networks))),
    )
