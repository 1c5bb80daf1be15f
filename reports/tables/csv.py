"""A result table as tidy CSV."""

from __future__ import annotations

import csv
import io

from results.spreadsheets import cell as safe
from results.tables import ResultTable, condition

MEASURED = "mean", "std", "n", "censored", "at_least", "resolution"
COLUMNS = (
    *"table network network_label row method measure published_mean published_std published_n".split(),
    *"measured_mean measured_std measured_n censored at_least resolution ratio reason target_percent".split(),
    *condition.COLUMNS,
)


def to_csv(table: ResultTable) -> str:
    """Tidy CSV, one line per network, row and measure; floats in full, empty where there is no value.

    Every line says of which condition it is.
    """
    said = table.conditions.columns
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in table.rows:
        for measure, cell in zip(table.measures, row.cells, strict=True):
            paper, ours = cell.published, cell.measured
            names = [table.name, row.network, row.network_label, row.row, row.method_label, measure.key]
            published = [paper.mean, paper.std, paper.n] if paper else [None] * 3
            measured = [getattr(ours, name, None) for name in MEASURED]
            goal = table.conditions.targets.get(row.network)
            ends = [cell.ratio, cell.reason, goal, *(said[name] for name in condition.COLUMNS)]
            writer.writerow(map(safe, [*names, *published, *measured, *ends]))
    return text.getvalue()
