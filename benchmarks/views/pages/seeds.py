"""The value of every seed by itself: what a page's intervals and tests rest on."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Literal

from benchmarks.views.sheets import Sheet
from benchmarks.views.values import measured
from reports.site.verdicts import Seeds
from results.statistics.censoring import Times, times_to_target

Key = tuple[str, str, str]
"""(network, row, measure)."""
TIMED: dict[str, Literal["seconds", "epochs"]] = {"time_to_target_seconds": "seconds", "epochs_to_target": "epochs"}


def per_seed(sheet: Sheet) -> dict[Key, Seeds]:
    """(network, row, measure) -> the value of every seed by itself, under the target of all of them."""
    values: dict[Key, list[float | None]] = {}
    times: dict[Key, Times] = {}
    for network in sheet.networks:
        target = sheet.target_of(network)
        percent = target.percent if target is not None else None
        for seed in range(sheet.choices.seeds):
            for key, value in measured(_alone(sheet, network, seed, percent)).items():
                if value.n:
                    values.setdefault(key, []).append(value.mean)
        if percent is not None:
            for row, (measure, unit) in itertools.product(sheet.rows, TIMED.items()):
                times[network, row.key, measure] = times_to_target(sheet.complete(network, row.key), percent, unit)
    return {key: Seeds(found, times.get(key)) for key, found in values.items()}


def _alone(sheet: Sheet, network: str, seed: int, target: float | None) -> Sheet:
    """One network and one seed of a sheet."""
    mine = {key: [one for one in of if one.seed == seed] for key, of in sheet.records.items() if key[0] == network}
    return replace(sheet, networks=(network,), records=mine, target=target)
