"""The measured values of a table's cells, or why there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from benchmarks.views.sheets import Sheet
from results import measures, published
from results.measures import MEASURES, Context, incidents, need
from results.statistics import Summary
from results.statistics.seeds import Seeds

CellKey = tuple[str, str, str]
"""(network, row, measure)."""


def context(sheet: Sheet, network: str) -> Context:
    """What the values of a network's runs rest on."""
    target, chance = sheet.target_of(network), sheet.chance(network)
    if target is None or target.near_chance:
        return Context(None, sheet.baseline(network), target.near_chance if target is not None else "", chance)
    return Context(target.percent, sheet.baseline(network), chance=chance)


def of_row(given: Context, sheet: Sheet, network: str, row: str) -> Context:
    """The same for one row, which has a baseline of its own where a sweep made one."""
    return replace(given, baseline=sheet.baseline(network, row))


def value(sheet: Sheet, network: str, row: str, measure: str, given: Context) -> tuple[Summary | None, str]:
    """The value with a footnote, or why there is none."""
    records = sheet.complete(network, row)
    if not records:
        return None, incidents(sheet.of(network, row)) or "not run"
    return MEASURES[measure].value(records, of_row(given, sheet, network, row))


def by_run(sheet: Sheet, network: str, row: str, measure: str, given: Context) -> Seeds:
    """What the value is of, run by run."""
    return MEASURES[measure].by_run(sheet.complete(network, row), of_row(given, sheet, network, row))


def by_seed(sheet: Sheet, network: str, row: str, measure: str) -> Mapping[int, float]:
    """What a cell's value is the mean of; empty where not every run has one."""
    given = of_row(context(sheet, network), sheet, network, row)
    return measures.by_seed(sheet.complete(network, row), MEASURES[measure], given)


def measured(sheet: Sheet) -> dict[CellKey, Summary]:
    """What was measured, for tracking and claims; a table's target stands under the row "*"."""
    found = {}
    for network in sheet.networks:
        given = context(sheet, network)
        if given.target_percent is not None and need(sheet.table.measures, "target"):
            found[network, published.ANY_ROW, published.TARGET] = Summary(given.target_percent, None, 0)
        for row in sheet.rows:
            for measure in sheet.table.measures:
                its, _ = value(sheet, network, row.key, measure, given)
                if its is not None:
                    found[network, row.key, measure] = its
    return found
