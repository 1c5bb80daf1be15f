"""Provenance on a table's page: runs, incidents, configurations and environments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.views.table_runs import TableRuns
from benchmarks.workloads.networks.names import title_of
from reports.site.pages import Grid, grid_of_pairs
from reports.tables.texts import BLANK
from results.frames import commit, torch
from results.records import Record
from results.records.spec import flat


def runs(made: Sequence[tuple[str, Record]]) -> Grid:
    """The list of runs, each with its row's label."""
    rows = []
    for label, record in made:
        last = record.evaluations[-1] if record.evaluations else None
        seconds = last.metrics.get(record.clock) if last is not None else None
        went = (str(last.epoch) if last else BLANK, f"{seconds:.4g}" if seconds is not None else BLANK)
        network = title_of(record.network)
        rows.append((label, network, str(record.seed), record.status, *went, record.id[:16]))
    headers = ("Method", "Network", "Seed", "Status", "Epochs", "Seconds", "Journal")
    return Grid("Runs; a journal's folder begins with these letters", headers, tuple(rows), numbers=False)


def incidents(runs: Sequence[Record]) -> Iterator[str]:
    """A sentence for all that did not go as planned."""
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


def configuration(table_runs: TableRuns) -> Iterator[Grid]:
    """Settings of each network that all rows share, then each row's own; as recorded by the runs' first seeds."""
    for network in table_runs.networks:
        specs = {
            row.label: texts(of[0].spec.document())
            for row in table_runs.rows
            if (of := table_runs.of(network, row.key))
        }
        if not specs:
            continue
        keys = dict.fromkeys(key for spec in specs.values() for key in spec if key != "seed")
        shared = {k for k in keys if len({spec.get(k) for spec in specs.values()}) == 1}
        first = next(iter(specs.values()))
        common = [(key, str(first[key])) for key in keys if key in shared]
        yield grid_of_pairs(f"{title_of(network)}: what all runs share", ("Setting", "Value"), common)
        own = [
            (label, ", ".join(f"{key}={spec[key]}" for key in keys if key in spec and key not in shared))
            for label, spec in specs.items()
        ]
        yield grid_of_pairs(f"{title_of(network)}: what runs have of their own", ("Method", "Settings"), own)


def environments(runs: Sequence[Record]) -> Iterator[Grid]:
    """Each environment once, with the runs that it made; the command line is in the journals."""
    found: dict[tuple[tuple[str, str], ...], int] = {}
    for record in runs:
        known = {key: value for key, value in record.environment.items() if key != "command"}
        key = tuple((name, value) for name, value in texts(known).items())
        found[key] = found.get(key, 0) + 1
    for pairs, count in found.items():
        yield grid_of_pairs(f"Environment of {count} of {len(runs)} runs", ("What", "Value"), pairs)


def machines(runs: Sequence[Record]) -> Iterator[tuple[str, str]]:
    """Machines, commits and releases of torch, each once, by name."""
    yield from dict.fromkeys(("Machine", _machine(run)) for run in runs)
    yield from dict.fromkeys(("Commit", commit(run).replace(", modified", " with uncommitted changes")) for run in runs)
    yield from dict.fromkeys(("PyTorch", torch(run)) for run in runs)


def _machine(run: Record) -> str:
    said = run.environment
    cpu = f"{said.get('cpu')}, {said.get('cores')} cores, {said.get('system')}"
    return f"{run.spec.gpu}, driver {said.get('gpu', {}).get('driver')}; {cpu}" if run.spec.gpu else cpu


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Nested mappings as dotted names, all values as text."""
    return {name: str(value) for name, value in flat(values).items()}
