"""The value of every seed by itself: what a page's intervals and tests rest on."""

from __future__ import annotations

from benchmarks.views.sheets import Sheet
from benchmarks.views.values import CellKey, context, of_row
from reports.site.verdicts import Seeds
from results.measures import MEASURES, Context


def per_seed(sheet: Sheet) -> dict[CellKey, Seeds]:
    """The value of every seed by itself, under the target of all of them."""
    found: dict[CellKey, Seeds] = {}
    for network in sheet.networks:
        given = context(sheet, network)
        for row in sheet.rows:
            for measure in sheet.table.measures:
                found[network, row.key, measure] = _seeds(sheet, network, row.key, measure, given)
    return found


def _seeds(sheet: Sheet, network: str, row: str, measure: str, given: Context) -> Seeds:
    records = sorted(sheet.complete(network, row), key=lambda record: record.seed)
    known, given = MEASURES[measure], of_row(given, sheet, network, row)
    alone = [its for record in records if (its := known.value([record], given)[0]) is not None]
    values, widths = [its.mean for its in alone], [its.resolution for its in alone]
    return Seeds(values, known.times(records, given) if alone else None, widths)
