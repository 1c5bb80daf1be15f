"""`retrain`: executes a bundle's code, trains its runs again and others at fresh seeds, and compares the results."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from benchmarks.commands.choose import check_out, jobs_at_once, missing_data
from benchmarks.commands.screen import say
from benchmarks.commands.submit import choices_of
from benchmarks.commands.training import Trainer
from benchmarks.errors import USER_ERRORS, UserError
from benchmarks.runner.grid import GridRow
from benchmarks.runner.options import TrainingOptions
from benchmarks.runner.plan import Run, distinct
from benchmarks.runner.resolve import resolve
from benchmarks.runner.tuning.trials import OUTER_RATE
from benchmarks.views import journals
from benchmarks.views.submissions.bundle import read
from benchmarks.views.submissions.rules import Accepted, Setting, band, check, mean_best
from benchmarks.views.submissions.track import row_of
from results.files import own_folder
from results.files import replace as write
from results.groups import FIRST_TRIAL_SEED
from results.records import Record

FRESH = 3
"""Seeds that are drawn for each network."""
REAL = ("wall_seconds", "train_seconds")
"""Metrics of the machine's clock, which differ from run to run."""
_PLACE = ("cpu", "cpu_capability")


def retrain(path: Path, out: Path, data: Path | None, jobs: int | None, console: Console) -> int:
    """Trains an accepted bundle again -> the exit code: 0, or 1 where results differ or a run failed.

    Raises UserError or MethodError where the bundle is refused, its code cannot be loaded or its data are not here,
    ResultsError where nothing can be written.
    """
    try:
        accepted = check(read(path))
    except USER_ERRORS as error:
        raise UserError(f"{path.name} is refused: {error}") from error
    bundle, edition = accepted.bundle, accepted.edition
    fresh = tuple(sorted(random.SystemRandom().sample(range(edition.seeds, FIRST_TRIAL_SEED), FRESH)))
    place = own_folder(out, out / "retrained" / bundle.sha256[:12])
    code = None if bundle.code is None else place / "code" / Path(bundle.manifest.file).name
    if code is not None and bundle.code is not None:
        say(console, f"This executes the code of {path.name}: {code}", "yellow")
        write(code, bundle.code)
    row, _ = row_of(bundle.manifest.method, code)
    seeds = (*range(edition.seeds), *fresh)
    chosen = replace(choices_of(edition, data, code), seeds=seeds)
    grid = resolve(accepted.track.table(bundle.manifest.edition, row), chosen)
    runs = [run for cell in grid.cells if cell.row.key == row.key for run in _tuned(cell, accepted.tuned)]
    if missing := missing_data(runs, data):
        raise UserError(missing)
    check_out(place)
    say(console, f"Fresh seeds, drawn here: {', '.join(map(str, fresh))}; and 0 to {edition.seeds - 1} again")
    trainer = Trainer(chosen, place, TrainingOptions(fresh=True), console, jobs_at_once(jobs, chosen))
    trainer.train(distinct(runs), trainer.setting([grid]))
    trainer.print_failures()
    existing = journals.read(place)
    again = [record for run in runs if (record := existing.exact(run)) is not None]
    wrong = [*trainer.failed, *_differences(accepted, again)]
    for sentence in wrong:
        say(console, f"Not confirmed: {path.name}: {sentence}", "bold red")
    if not wrong:
        say(console, f"Confirmed: {path.name}", "bold")
    return 1 if wrong else 0


def _tuned(cell: GridRow, tuned: Mapping[str, Setting]) -> Iterator[Run]:
    """Yields the row's runs at the tuned values of the bundle."""
    rate, warm_up, floor, decay, outer = tuned[cell.network]
    schedule = cell.work.schedule.model_copy(update={"lr": rate, "warm_up_lr": warm_up, "floor": floor})
    optimizer = cell.work.optimizer.model_copy(update={"weight_decay": decay})
    work = cell.work.model_copy(update={"schedule": schedule, "optimizer": optimizer})
    for run in cell.runs:
        yield run.at(work=work, options={OUTER_RATE: outer} if OUTER_RATE in run.spec.method.options else None)


def _differences(accepted: Accepted, again: Sequence[Record]) -> Iterator[str]:
    """Yields where results differ: in their bits, or in means by more than the runs scatter."""
    for network, finals in accepted.finals.items():
        trained = {record.seed: record for record in again if record.network == network}
        bundled = {record.seed: record for record in finals}
        repeated = [trained[seed] for seed in bundled if seed in trained]
        for record in repeated:
            original = bundled[record.seed]
            if _place(original) == _place(record) and _curve(original) != _curve(record):
                yield f"{network}, seed {record.seed}: other numbers on the same torch and CPU."
        fresh = [record for seed, record in trained.items() if seed not in bundled]
        for seeds, records in (("the same seeds", repeated), ("fresh seeds", fresh)):
            if not records:
                continue
            own, bp = band(finals, len(records)), band(accepted.reference[network], len(records))
            half = max(own.high - own.low, bp.high - bp.low) / 2
            if not abs(mean_best(records) - mean_best(finals)) <= half:
                judge = finals[0].judge
                yield (
                    f"{network}, {seeds}: {mean_best(records):.4g} {judge.unit}, where the bundle has "
                    f"{mean_best(finals):.4g} and runs scatter by {half:.2g}."
                )


def _place(record: Record) -> tuple[object, ...]:
    packages = record.environment.get("packages") or {}
    return packages.get("torch"), record.spec.numerics, *(record.environment.get(name) for name in _PLACE)


def _curve(record: Record) -> list[object]:
    return [
        (point.epoch, point.step, {name: value for name, value in point.metrics.items() if name not in REAL})
        for point in record.evaluations
    ]
