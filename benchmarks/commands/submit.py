"""`submit`: trains a method under a track's rules, and writes the bundle that `leaderboard` ranks."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from benchmarks.commands.choose import check_out, jobs_at_once, missing_data
from benchmarks.commands.screen import say
from benchmarks.commands.training import Trainer, search_rows, train_missing
from benchmarks.errors import UserError
from benchmarks.runner.choices import Choices
from benchmarks.runner.grid import Grid
from benchmarks.runner.options import TrainingOptions
from benchmarks.runner.plan import Run
from benchmarks.runner.resolve import resolve
from benchmarks.tables.definition import Row
from benchmarks.tables.shared import BASELINE
from benchmarks.views import journals
from benchmarks.views.submissions import bundle, pages
from benchmarks.views.submissions.board import rank
from benchmarks.views.submissions.bundle import described
from benchmarks.views.submissions.rules import check, code_digest
from benchmarks.views.submissions.track import Edition, Track, row_of
from benchmarks.views.submissions.tracks import track_of
from benchmarks.views.tuning.tuned import at_best
from results.records import Record

_UNFIT = re.compile(r"[^\w.=-]+")


def choices_of(edition: Edition, data: Path | None = None, plugin: Path | None = None) -> Choices:
    """Returns the choices by which an edition's runs are planned, whatever the machine has. data: where to look."""
    plugins = () if plugin is None else (plugin.expanduser().resolve(),)
    return Choices(scale=edition.scale, seeds=tuple(range(edition.seeds)), data=data, plugins=plugins, no_alias=True)


def submit(
    name: str,
    track_id: str,
    edition_name: str,
    *,
    plugin: Path | None,
    author: str,
    label: str,
    data: Path | None,
    out: Path,
    to: Path | None,
    jobs: int | None,
    console: Console,
) -> int:
    """Trains what is missing, writes the bundle and checks it -> the exit code: 0, or 1 if a run failed.

    name: a row's name ("my_sgd@period=4"), or the file of a single method. author, label: unchecked texts.

    Raises UserError or MethodError before anything is trained, ResultsError where nothing can be written.
    """
    track = track_of(track_id)
    edition = track.edition(edition_name)
    chosen = choices_of(edition, data, Path(name) if name.endswith(".py") else plugin)
    trainer = Trainer(chosen, out, TrainingOptions(), console, jobs_at_once(jobs, chosen))
    row, code = row_of(name, plugin)
    file = "" if code is None else code.name
    manifest = described(
        track=track.id, edition=edition_name, method=row.key, file=file, title=row.label, author=author, label=label
    )
    grid = resolve(track.table(edition_name, row), chosen)
    _check(grid, track, row, code, trainer)
    submitted = replace(grid, cells=tuple(cell for cell in grid.cells if cell.row.key == row.key))
    say(
        console,
        f"{row.label} to the track {track.id}, edition {edition_name}: {edition.budget.description}, by validation",
    )
    searches = search_rows(submitted, trainer, edition.budget)
    over = all(search.over for search in searches)
    baseline = [run for cell in grid.cells if cell.row.key == BASELINE.key for run in cell.runs]
    if over:
        ranked = [*baseline, *at_best(submitted, searches).runs]
        train_missing(grid, trainer, ranked, "Ranked runs, and backpropagation's")
    trainer.print_failures()
    if trainer.failed or not over:
        say(console, "No bundle is written, since a run failed.")
        return 1
    trials = [record for search in searches for record in search.records]
    path = to or out / "submissions" / f"{_UNFIT.sub('-', row.key)}-{track.id}-{edition_name}.zip"
    bundle.write(path, manifest, None if code is None else code.read_bytes(), _records(ranked, out), trials)
    return _show(path, console)


def _check(grid: Grid, track: Track, row: Row, code: Path | None, trainer: Trainer) -> None:
    if missing := missing_data(grid.runs, trainer.chosen.data):
        raise UserError(missing)
    for cell in grid.cells:
        if (many := cell.method.devices - cell.method.servers) > track.devices:
            raise UserError(f"{row.key} has {many} devices, and the track {track.id} {track.devices}: set fewer.")
    digest = None if code is None else code_digest(code.name, code.read_bytes())
    if any(
        run.spec.sources != (digest if cell.row.key == row.key else None) for cell in grid.cells for run in cell.runs
    ):
        raise UserError(
            f"{row.key}: its code is in several files, or edits of the suite's own are not committed; a bundle has one "
            "file, beside the suite as it is released."
        )
    check_out(trainer.out)


def _records(runs: list[Run], out: Path) -> list[Record]:
    existing = journals.read(out)
    records = {run.id: existing.exact(run) for run in runs}
    return [record for record in records.values() if record is not None]


def _show(path: Path, console: Console) -> int:
    (ranking,) = rank([check(bundle.read(path))])
    (row,) = pages.table_of(ranking).rows
    columns = zip(pages.HEADERS[1:6], row[1:6], strict=True)
    say(console, "; ".join(f"{name}: {value}" for name, value in columns), "bold")
    say(console, f"Written: {path} ({path.stat().st_size / 1000:,.0f} kB)", "dim")
    return 0
