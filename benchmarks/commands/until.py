"""`run TABLE --until decided`: trains seeds where they decide most, looked at after each by a sequential test."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from benchmarks.commands.choose import check_out, missing_data
from benchmarks.commands.run import feed, show
from benchmarks.commands.screen import say
from benchmarks.commands.training import Trainer
from benchmarks.errors import UserError
from benchmarks.runner.grid import GridRow
from benchmarks.runner.pace import Pace
from benchmarks.runner.plan import Run
from benchmarks.runner.progress import duration
from benchmarks.runner.resolve import grids, resolve
from benchmarks.tables.definition import Table
from benchmarks.tables.shared import BASELINE
from benchmarks.views import journals
from benchmarks.views.journals import Journals
from benchmarks.views.table_runs import TableRuns, find_all_runs, find_runs
from results.measures import ALONE, best_measure, named
from results.statistics import sequential


@dataclass(frozen=True)
class Pair:
    """A row and the one that it is compared with, on a network.

    differences: of seeds 0, 1, 2, ... as far as both rows have a value; later seeds do not count, since looks have an
    order, and a seed that is left out because its run diverged would be a choice by the result.
    """

    row: GridRow
    baseline: GridRow
    differences: Sequence[float]

    @property
    def decided(self) -> bool:
        return sequential.decided_at(self.differences) is not None

    @property
    def seeds_wanted(self) -> int:
        """The seeds with which the pair is expected to be decided; beyond the last look where none would do."""
        if len(self.differences) < sequential.FIRST:
            return sequential.FIRST
        return sequential.seeds_to_decide(self.differences) or sequential.LAST + 1


def until_decided(table: Table, trainer: Trainer, hours: float) -> int:
    """Trains until every row differs from the baseline or is given up, or the hours are over -> the exit code.

    The baseline is backpropagation, where the table has it, else its first row; what is compared is the best of what
    runs are judged by. The pair that wants the fewest further seeds gets the next one.

    Raises UserError where nothing can be run, ResultsError where nothing can be written, Interrupted by a signal.
    """
    if not hours > 0:
        raise UserError(f"--hours {hours:g}: give a number of hours above 0.")
    if trainer.slurm is not None or not trainer.chosen.kind.one_process:
        raise UserError("--until decided trains on this machine, in one process a run: leave --engine and ranks out.")
    end = time.monotonic() + hours * 3600
    chosen = replace(trainer.chosen, seeds=tuple(range(sequential.LAST)))
    grid = resolve(table, chosen)
    if not grid.cells:
        raise UserError(f"Nothing to run for {table.id}: --method and --network leave no row of it.")
    if missing := missing_data(grid.runs, trainer.chosen.data):
        raise UserError(missing)
    check_out(trainer.out)
    while True:
        existing = journals.read(trainer.out)
        table_runs = find_runs(grid, existing)
        pairs = sorted(compared(table_runs), key=lambda pair: pair.seeds_wanted)
        remaining = [run for pair in pairs for run in trainer.missing(wanted(pair), existing)]
        if not remaining or time.monotonic() >= end:
            break
        trainer.train(list({run.id: run for run in remaining}.values())[: trainer.jobs], trainer.setting([grid]))
    show(table, table_runs, trainer.out, trainer.console)
    measured = named(best_measure(table_runs.judge), table_runs.judge).heading
    say(trainer.console, f"{measured}, looked at after every seed; each pair errs in at most 5 % of cases by itself:")
    for pair in pairs:
        say(trainer.console, verdict(pair, existing))
    trainer.print_failures()
    if trainer.tracked and table_runs.records:
        whole = list(find_all_runs(grids(chosen.whole, [table.family]), existing))
        feed(whole, [table_runs], trainer.out, trainer.console)
    return 1 if trainer.failed else 0


def compared(table_runs: TableRuns) -> Iterator[Pair]:
    """Yields each row beside its network's baseline, but for rows that share its runs."""
    measure = best_measure(table_runs.judge)
    for network in table_runs.networks:
        cells = [cell for cell in table_runs.grid.cells if cell.network == network]
        baseline = next((cell for cell in cells if cell.row.key == BASELINE.key), cells[0])
        values = {
            cell.row.key: measure.by_run(table_runs.complete(network, cell.row.key), ALONE).by_seed for cell in cells
        }
        baseline_values = values[baseline.row.key]
        for cell in cells:
            if cell.runs[0].id != baseline.runs[0].id:
                row_values = values[cell.row.key]
                seeds = takewhile(lambda seed: seed in row_values and seed in baseline_values, range(sequential.LAST))  # noqa: B023
                yield Pair(cell, baseline, [row_values[seed][0] - baseline_values[seed][0] for seed in seeds])


def wanted(pair: Pair) -> list[Run]:
    """Returns the runs of the pair's next look."""
    n = len(pair.differences)
    if pair.decided or n >= sequential.LAST or sequential.given_up(pair.differences):
        return []
    seeds = max(n + 1, sequential.FIRST)
    return [*pair.baseline.runs[:seeds], *pair.row.runs[:seeds]]


def verdict(pair: Pair, existing: Journals) -> str:
    """Says whether the pair is decided, and by what interval; of an open one what deciding it may cost."""
    n = sequential.decided_at(pair.differences)
    what = f"{pair.row.row.label} minus {pair.baseline.row.label} on {pair.row.network}"
    if n is not None:
        interval = sequential.interval(pair.differences[:n])
        assert interval is not None
        word = "more" if interval.low > 0 else "less"
        ends = f"{interval.level:.1%} interval [{interval.low:.3g}, {interval.high:.3g}]"
        return f"{what}: {word}, decided with {n} seeds ({ends})."
    seeds = pair.seeds_wanted
    if sequential.given_up(pair.differences):
        return f"{what}: open, and given up with {len(pair.differences)} seeds, which show nothing like a difference."
    if seeds > sequential.LAST:
        return f"{what}: open with {len(pair.differences)} seeds; {sequential.LAST} would not decide, by their spread."
    runs = [run for cell in (pair.baseline, pair.row) for run in cell.runs[:seeds] if not existing.done(run)]
    cost = duration(Pace(existing.records).seconds(runs, 1))
    return f"{what}: open with {len(pair.differences)} seeds; {seeds} may decide, in {cost} of a core."
