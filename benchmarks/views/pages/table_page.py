"""One table's page of the report, from its sheet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.papers.confounds.measured import audit
from benchmarks.papers.confounds.published import published_audit
from benchmarks.papers.open_points import readings
from benchmarks.views.pages import pictures
from benchmarks.views.pages.links import Tracking
from benchmarks.views.pages.rivals import rivals
from benchmarks.views.pages.seeds import Key, per_seed
from benchmarks.views.rerun import command
from benchmarks.views.sheets import Sheet
from benchmarks.views.table import assemble
from benchmarks.workloads.networks.names import TITLES
from reports.site import verdicts
from reports.site.pages import Block, Grid, Line, Page, grid_of_pairs
from reports.site.verdicts import Seeds
from reports.speedups import Split, split
from reports.tables.texts import BLANK
from results import tables
from results.records import Record
from results.records.spec import flat
from results.tables import ResultTable

TIMES = (("time_to_target_seconds", "epochs_to_target", "target"), ("time_to_best_seconds", "epochs_to_best", "best"))
HIDDEN = "Audit"  # the notes that a page shows in a section of their own


def page(sheet: Sheet, store: Tracking, folder: Path) -> Page:
    """folder: of the report; the pictures are drawn into it. Raises ResultsError where they cannot be written."""
    table, values = assemble(sheet), per_seed(sheet)
    runs = [(row.label, r) for net in sheet.networks for row in sheet.rows for r in sheet.of(net, row.key)]
    splits = _splits(table)
    ours = {name: found for name, found in splits.items() if name[1] == "measured"}
    drawn = pictures.draw(sheet, ours, folder)
    return Page(
        id=table.name,
        title=table.title,
        source=table.source,
        captions=table.captions,
        measures=tuple(measure.heading for measure in table.measures),
        blocks=tuple(_blocks(table, values, sheet.choices.scale)),
        notes=tuple(note for note in table.notes if not note.startswith(HIDDEN)),
        audit=tuple(audit(sheet.planned)),
        published_audit=tuple(published_audit(table.name)),
        readings=tuple(readings.readings_of(table.name, sheet.planned)),
        curves=drawn["curves"],
        rivals=tuple(rivals(sheet, values)),
        splits=tuple(_split_grid(*key, *found) for key, found in splits.items()),
        split_pictures=drawn["splits"],
        staleness=tuple(_staleness(sheet)),
        staleness_pictures=drawn["staleness"],
        runs=_runs([*runs]),
        incidents=tuple(_incidents([record for _, record in runs])),
        configuration=tuple(configuration(sheet)),
        environment=tuple(environments([record for _, record in runs])),
        tracking=store.hint([record for _, record in runs]),
        links=store.links(runs),
        command=command([table.name], sheet.choices, sheet.target),
    )


def _blocks(table: ResultTable, values: Mapping[Key, Seeds], scale: str) -> Iterator[Block]:
    for _, rows in groupby(table.rows, key=lambda row: row.network):
        mine = list(rows)
        lines = []
        for row in mine:
            cells = zip(table.measures, row.cells, strict=True)
            lines.append(
                Line(
                    row.method_label,
                    tuple(
                        verdicts.entry(cell, measure, values.get((row.network, row.row, measure.key), Seeds()), scale)
                        for measure, cell in cells
                    ),
                )
            )
        yield Block(mine[0].network_label, tuple(lines))


# ---- the split of a time


Splits = dict[tuple[str, str, str], tuple[str, list[Split]]]
"""(network's title, "measured" or "published", what was reached) -> the reference and the splits."""


def _splits(table: ResultTable) -> Splits:
    keys = [measure.key for measure in table.measures]
    found: Splits = {}
    for seconds, epochs, what in TIMES:
        if seconds not in keys or epochs not in keys:
            continue
        at = keys.index(seconds), keys.index(epochs)
        for network in table.networks:
            for side in ("measured", "published"):
                rows = [row for row in table.rows if row.network == network]
                means = {row.method_label: [_mean(row.cells[index], side) for index in at] for row in rows}
                values = {label: (t, e) for label, (t, e) in means.items() if t and e and math.isfinite(t + e)}
                if len(values) > 1:
                    found[TITLES[network], side, what] = split(values)
    return found


def _mean(cell: tables.Cell, side: str) -> float | None:
    value = cell.measured if side == "measured" else cell.published
    return value.mean if value is not None else None


def _split_grid(network: str, side: str, what: str, reference: str, found: Sequence[Split]) -> Grid:
    headers = ("Method", "Seconds", "Epochs", "Seconds per epoch", "Speed-up", "by epochs", "by seconds per epoch")
    rows = []
    for one in found:
        share = one.share_of_epochs
        parts = [f"× {one.by_epochs:.2f}", f"× {one.by_seconds:.2f}"]
        if share is not None:
            parts = [f"{parts[0]} ({share:.0f} %)", f"{parts[1]} ({100 - share:.0f} %)"]
        numbers = f"{one.seconds:.4g}", f"{one.epochs:.3g}", f"{one.seconds_per_epoch:.3g}", f"× {one.speedup:.2f}"
        rows.append((one.label, *numbers, *parts))
    return Grid(f"{network}, {side}: time to {what}, beside the slowest, {reference}", headers, tuple(rows))


# ---- staleness


def _staleness(sheet: Sheet) -> Iterator[Grid]:
    for network in sheet.networks:
        found = pictures.ageing(sheet, network)
        if found:
            layers = max((one.layers for one in found), key=len)
            updates = tuple((one.label, *(f"{value:.3g}" for value in one.updates)) for one in found)
            yield Grid(f"{TITLES[network]}: others' updates between reading and updating", ("Method", *layers), updates)


# ---- what was run where


def _runs(runs: Sequence[tuple[str, Record]]) -> Grid:
    rows = []
    for label, record in runs:
        last = record.evaluations[-1] if record.evaluations else None
        seconds = last.metrics.get(record.clock) if last is not None else None
        went = (str(last.epoch) if last else BLANK, f"{seconds:.4g}" if seconds is not None else BLANK)
        network = TITLES.get(record.network, record.network)
        rows.append((label, network, str(record.seed), record.status, *went, record.id[:16]))
    headers = ("Method", "Network", "Seed", "Status", "Epochs", "Seconds", "Journal")
    return Grid("Runs; a journal's folder begins with these letters", headers, tuple(rows), numbers=False)


def _incidents(runs: Sequence[Record]) -> Iterator[str]:
    for record in runs:
        who = f"{record.labels.method_title or record.method}, {record.network}, seed {record.seed}"
        if record.end is None:
            yield f"{who}: the journal has no end: the run goes on, or was killed; its complete lines are shown."
        elif record.status != "finished":
            yield f"{who}: {record.status}: {record.end.get('reason', '')}"
        if not record.evaluations:
            yield f"{who}: no evaluation was recorded."
        strange = {name for point in record.evaluations for name, value in point.metrics.items() if value - value != 0}
        if strange:
            yield f"{who}: not finite, so in no curve and no mean: {', '.join(sorted(strange))}."


def configuration(sheet: Sheet) -> Iterator[Grid]:
    """Per network what all rows share, then what a row has of its own; as recorded by the runs' first seeds."""
    for network in sheet.networks:
        specs = {row.label: texts(of[0].spec.document()) for row in sheet.rows if (of := sheet.of(network, row.key))}
        if not specs:
            continue
        keys = dict.fromkeys(key for spec in specs.values() for key in spec if key != "seed")
        shared = {k for k in keys if len({spec.get(k) for spec in specs.values()}) == 1}
        first = next(iter(specs.values()))
        common = [(key, str(first[key])) for key in keys if key in shared]
        yield grid_of_pairs(f"{TITLES[network]}: what all runs share", ("Setting", "Value"), common)
        own = [
            (label, ", ".join(f"{key}={spec[key]}" for key in keys if key in spec and key not in shared))
            for label, spec in specs.items()
        ]
        yield grid_of_pairs(f"{TITLES[network]}: what runs have of their own", ("Method", "Settings"), own)


def environments(runs: Sequence[Record]) -> Iterator[Grid]:
    """Each environment once, with the runs that it made; the command line is in the journals."""
    found: dict[tuple[tuple[str, str], ...], int] = {}
    for record in runs:
        known = {key: value for key, value in record.environment.items() if key != "command"}
        key = tuple((name, value) for name, value in texts(known).items())
        found[key] = found.get(key, 0) + 1
    for pairs, count in found.items():
        yield grid_of_pairs(f"Environment of {count} of {len(runs)} runs", ("What", "Value"), pairs)


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Nested mappings as dotted names, all values as text."""
    return {name: str(value) for name, value in flat(values).items()}
