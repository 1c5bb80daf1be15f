"""Assembles records into a table: measured beside published values, and notes needed to compare them."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.papers.confounds.measured import audit
from benchmarks.papers.confounds.published import published_audit, published_brief
from benchmarks.views import conditions, notes
from benchmarks.views.table.glance import glance
from benchmarks.views.table_runs import TableRuns
from results.measures import MEASURES
from results.tables import ResultRow, ResultTable


def assemble(table_runs: TableRuns) -> ResultTable:
    """The table as plain data, from which all that shows it is made."""
    found, beside = audit(table_runs.grid.cells, table_runs.records), bool(table_runs.grid.published)
    return ResultTable(
        name=table_runs.table.id,
        title=table_runs.table.title,
        source=table_runs.table.source,
        measures=tuple(table_runs.measures),
        rows=tuple(_rows(table_runs)),
        captions=tuple(notes.captions(table_runs)),
        caveats=(
            *notes.caveats(table_runs),
            *found.brief,
            *(published_brief(table_runs.table.id) if beside else ()),
        ),
        notes=tuple(notes.notes(table_runs)),
        audit=found.lines,
        published_audit=tuple(published_audit(table_runs.table.id)) if beside else (),
        conditions=conditions.of_table(table_runs),
        glances=tuple(filter(None, (glance(table_runs, network) for network in table_runs.networks))),
    )


def _rows(table_runs: TableRuns) -> Iterator[ResultRow]:
    theirs = table_runs.grid.published
    for network in table_runs.networks:
        label = table_runs.grid.label(network)
        for row in table_runs.rows:
            cells = tuple(
                table_runs.cell(network, row.key, MEASURES[key], theirs.get((network, row.key, key)))
                for key in table_runs.table.measures
            )
            yield ResultRow(network, label, row.key, row.label, cells)
