"""Defines the command line. Heavy packages are imported inside commands: help, lists and errors appear at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cyclopts import App, Parameter
from rich.console import Console

from benchmarks.checkout import INSTALLED
from benchmarks.commands.examples import EXAMPLES, epilogue
from benchmarks.commands.options import (
    Data,
    EngineOptions,
    Jobs,
    Number,
    Out,
    OwnCard,
    OwnNetworks,
    OwnTask,
    Plugins,
    SampleOptions,
    SearchOptions,
    Selection,
    Shown,
    Target,
    Training,
    TrainOptions,
    Uri,
)
from benchmarks.errors import UserError
from benchmarks.runner.options import DEFAULTS, TrainingOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.commands.training import Trainer
    from benchmarks.experiments import Experiment

app = App(
    name="python -m benchmarks",
    help="Reproduce the papers on asynchronous SGD, table by table: what was measured beside what was published.",
    help_format="plaintext",
    version_flags=[],
    default_parameter=Parameter(negative="", consume_multiple=False),
    suppress_keyboard_interrupt=False,  # the program says what was interrupted
)

DEFAULT, SHOWN, TRAIN, ENGINE = Selection(), Shown(), TrainOptions(), EngineOptions()
SEARCH, SAMPLE = SearchOptions(), SampleOptions()
OUT = Path("out")


@app.command(name="--version")
def version() -> None:
    """Say the suite's version, the commit of its checkout, and torch's version."""
    from benchmarks.commands.screen import say
    from benchmarks.runner import environment

    say(_console(), environment.version())


@app.command(name="list")
def list_(*, plugin: Plugins = None) -> None:
    """List the tables, methods, networks, scales, data sets and hardware cards."""
    from benchmarks.commands.listing import list_everything

    list_everything(plugin or [], _console())


@app.command
def show(
    *tables: str,
    selection: Selection = DEFAULT,
    jobs: Jobs = None,
    audit: bool = False,
    engine: EngineOptions = ENGINE,
) -> None:
    """Show what `run` would do: each row with its settings and published values, and the expected duration.

    With `all`, `paper-a` or `paper-b`: what is in it. With the name of a hardware card: what the card predicts beside
    what was published. With a method's name, or `workload`: its options, with values, default and meaning.

    Args:
        tables: Tables, figures and analyses, such as table3; or one hardware card, method, or workload.
        audit: Instead: every setting and option as resolved, what the paper leaves open and how it is read, and in what
            rows differ, here and in the paper's setting.
    """
    import methods
    from benchmarks.commands import engines, listing
    from benchmarks.commands.choose import choose, jobs_at_once
    from benchmarks.experiments import GROUPS, members
    from benchmarks.hardware import cards
    from benchmarks.tables.own import is_file

    _load(selection.plugin)
    name, card_names = tables[0] if len(tables) == 1 else "", [*cards.names(), "this-machine"]
    if name in ("workload", *methods.names()):
        from benchmarks.commands.option_list import show_options

        return show_options(name, _console())
    is_card = name in card_names or (name.endswith(".toml") and not is_file(name))
    if name in GROUPS:  # paper-a and paper-b are groups and cards
        listing.list_experiments(members(name), _console())
    if is_card:
        listing.show_card(cards.load(name, out=selection.out), _console())
    if is_card or name in GROUPS:
        return None
    from benchmarks.commands.show import show_audit, show_experiments

    slurm = engines.configure(engine, selection.out, jobs, _console())
    experiments, chosen = choose(selection, tables, hardware=card_names, node=slurm.node if slurm else None)
    if audit:
        return show_audit(experiments, chosen, selection.out, _console())
    side_by_side = jobs_at_once(jobs, chosen) if slurm is None else 1
    return show_experiments(experiments, chosen, selection.out, side_by_side, _console(), slurm)


@app.command
def run(
    *tables: str,
    selection: Selection = DEFAULT,
    training: Training = DEFAULTS,
    options: TrainOptions = TRAIN,
    until: Literal["decided"] | None = None,
    hours: float = 3.0,
    engine: EngineOptions = ENGINE,
) -> int:
    """Run tables, figures and analyses: train what is missing, print measured beside published, feed MLflow.

    Args:
        tables: Such as table3; all, paper-a and paper-b name many.
        until: Train seeds 0 to 11 of a table, as far as its rows still are to be told from the baseline.
        hours: Begin no run of --until later than that.
    """
    from benchmarks.commands import run
    from benchmarks.commands.choose import one_table
    from benchmarks.commands.until import until_decided

    experiments, trainer = _trainer(tables, selection, training, options, engine, detachable=until is None)
    if until is not None:
        return until_decided(one_table(experiments, ", ".join(tables)), trainer, hours)
    return run.run(experiments, trainer)


@app.command
def cancel(*, out: Out = OUT) -> int:
    """End the jobs of `run --engine slurm` that are queued or running for a folder of results."""
    from benchmarks.commands.engines import cancel as end

    return end(out, _console())


@app.command
def tune(
    table: str,
    *,
    selection: Selection = DEFAULT,
    search: SearchOptions = SEARCH,
    training: Training = DEFAULTS,
    options: TrainOptions = TRAIN,
    engine: EngineOptions = ENGINE,
) -> int:
    """Tune every row of a table by the same budget, and show the published settings beside each row's best.

    Args:
        table: A table or figure, such as table1.
    """
    from benchmarks.commands import tune
    from benchmarks.commands.choose import one_table

    budget = search.budget()
    experiments, trainer = _trainer([table], selection, training, options, engine, detachable=False)
    return tune.tune(one_table(experiments, table), trainer, budget)


@app.command
def submit(
    method: str,
    *,
    track: str,
    edition: str = "smoke",
    plugin: Path | None = None,
    author: str = "",
    label: str = "",
    data: Data = None,
    out: Out = OUT,
    to: Path | None = None,
    jobs: Jobs = None,
) -> int:
    """Train a method under the rules of a leaderboard's track, and write one bundle: journals, code and checksums.

    Args:
        method: FILE.py with one method; or a method or row by its name, such as lapsgd@period=4.
        track: images, lm or lowcomm.
        edition: smoke (embedded data, some three minutes on two cores) or full.
        plugin: File with the method that is named.
        author: Shown beside it as declared.
        label: Likewise, such as "with stashed weights".
        out: Folder of results; runs that are there are not repeated.
        to: File of the bundle. Default: in OUT/submissions.
    """
    from benchmarks.commands.submit import submit as train

    return train(
        method,
        track,
        edition,
        plugin=plugin,
        author=author,
        label=label,
        data=data,
        out=out,
        to=to,
        jobs=jobs,
        console=_console(),
    )


@app.command
def leaderboard(
    folder: Path, *, retrain: bool = False, data: Data = None, out: Out = OUT, to: Path | None = None
) -> int:
    """Verify the bundles of a folder and rank them, as a page, Markdown and JSON. None of their code is executed.

    Args:
        folder: Holds bundles of `submit` (*.zip).
        retrain: Afterwards: train every ranked bundle again, each in a process of its own, which executes its code.
        data: Folder with the data sets, of --retrain. Default: $BENCHMARKS_DATA, then a cache.
        to: Folder to write into. Default: leaderboard in the folder of results.
    """
    from benchmarks.commands.leaderboard import leaderboard as rank

    return rank(folder, out, to, _console(), retrained=retrain, data=data)


@app.command
def retrain(bundle: Path, *, data: Data = None, out: Out = OUT, jobs: Jobs = None) -> int:
    """Execute the code of a bundle: train its ranked runs again, and others at fresh seeds, and compare.

    The same seeds have equal bits on the same torch and CPU; otherwise, and at the fresh seeds, which are drawn here
    and printed, means differ by no more than runs scatter.

    Args:
        bundle: A file that `submit` wrote.
        out: Folder of results; the runs go to OUT/retrained.
    """
    from benchmarks.commands.retrain import retrain as again

    return again(bundle, out, data, jobs, _console())


@app.command
def replay(
    run: str,
    *,
    out: Out = OUT,
    data: Data = None,
    plugin: Plugins = None,
    network: OwnNetworks = None,
    task: OwnTask = None,
    data_card: OwnCard = None,
) -> int:
    """Repeat a run of `run --record` in one thread: its losses are equal to the last bit, or it says why they differ.

    Args:
        run: The beginning of its id, or its folder.
        out: Folder of results; nothing is written into it.
    """
    from benchmarks.commands.replay import replay as again
    from benchmarks.workloads.own import OwnFiles

    return again(run, out, data, plugin or [], OwnFiles(tuple(network or ()), task, data_card), _console())


@app.command
def sample(
    run: str,
    *,
    options: SampleOptions = SAMPLE,
    out: Out = OUT,
    data: Data = None,
    network: OwnNetworks = None,
    data_card: OwnCard = None,
) -> int:
    """Write text with a language model that was trained by `run --keep-weights`.

    Args:
        run: The beginning of its id, or its folder.
        out: Folder of results; nothing is written into it.
    """
    from benchmarks.commands.sample import sample as write
    from benchmarks.workloads.own import OwnFiles

    return write(run, options, out, data, OwnFiles(networks=tuple(network or ()), data=data_card), _console())


@app.command
def claims(*, selection: Shown = SHOWN, why: bool = False) -> int:
    """Check the papers' claims on the runs in OUT: which hold, which do not, which are open.

    Under every condition that has runs, side by side; `--scale small --executor virtual` is one of them.

    Args:
        why: Say of each claim what was measured, why, and what would decide it.
    """
    from benchmarks.commands.choose import check_out, choose, recorded_node
    from benchmarks.commands.claims import claims as judge

    _, chosen = choose(selection, None, node=recorded_node(selection.device, selection.out))
    check_out(selection.out)
    return judge(chosen, selection.out, _console(), every=selection.every, why=why)


@app.command
def report(*tables: str, selection: Shown = SHOWN, target: Target = None, uri: str | None = None) -> int:
    """Make one static site of all runs, under OUT/report, with the same tables as Markdown and LaTeX.

    It holds every condition that has runs, side by side. What is asked for is made anew, what earlier reports hold
    stays: `report table3 --executor threads` adds to them.

    Args:
        tables: Such as table3; all, paper-a and paper-b name many. Default: all that was run.
        uri: A tracking store to fetch journals from first, so that a team shares one.
    """
    from benchmarks.commands.choose import choose, recorded_node
    from benchmarks.commands.report import report as make

    node = recorded_node(selection.device, selection.out)
    experiments, chosen = choose(selection, tables or None, node=node, target=target)
    if uri is not None:
        from results import tracking

        tracking.fetch(uri, selection.out)
    names = [experiment.id for experiment in experiments]
    return make(names, chosen, out=selection.out, console=_console(), every=selection.every)


@app.command
def latex(
    *tables: str,
    columns: list[str] | None = None,
    rows: list[str] | None = None,
    network: list[str] | None = None,
    condition: str = "",
    name: str = "",
    notes: bool = False,
    plugin: Plugins = None,
    out: Out = OUT,
    to: Path | None = None,
) -> int:
    """Write tables that were run as LaTeX for a paper, one file each, and their pictures as PDF with a float.

    Args:
        tables: Such as table3; or a table's file.
        columns: Measures, in this order; of one its published and measured values, or a part:
            best_accuracy_percent.interval (published, measured, interval, n, ratio). Default: all measures.
        rows: Rows, in this order, such as bp,lapsgd@updaters=2. Default: all.
        network: Only these networks. Default: those that were run.
        condition: The folder under OUT/tables, such as smoke-virtual-paper-a. Default: every one, a file each.
        name: Of the file and its label, of a single table. Default: the table's and the condition's.
        notes: All notes below the table, not in the file's comments.
        to: Folder to write into. Default: latex in the folder of results.
    """
    from benchmarks.commands.choose import split
    from benchmarks.commands.latex import PaperChoices, latex
    from results.files import own_folder

    _load(plugin)
    chosen = PaperChoices(
        tuple(split(columns or ())), tuple(rows or ()), tuple(split(network or ())), condition, name, notes
    )
    return latex(split(tables), chosen, out=out, to=to or own_folder(out, out / "latex"), console=_console())


@app.command
def compare(first: Path, second: Path, *, csv: Path | None = None, all_: bool = False) -> int:
    """Compare two sets of runs, cell by cell with intervals: what changed, and whether it is noise.

    Args:
        first: A folder of results, or a committed reproduction such as smoke. out@small: the runs of a scale (or of an
            executor, a hardware card, a commit) alone.
        second: Another one: of another commit, machine or scale.
        csv: A file for the comparison.
        all_: Print all cells that differ; else, where they are many, those of a change alone.
    """
    from benchmarks.commands.compare import compare as compare_sets

    return compare_sets(first, second, _console(), csv, every=all_)


@app.command
def export(*, out: Out = OUT, to: Path | None = None, reproduction: str | None = None, with_runs: bool = False) -> int:
    """Write the runs as tidy Parquet and CSV.

    Args:
        to: Folder to write into. Default: export in the folder of results.
        reproduction: Also keep the tables' values under this name in results/reproductions.
        with_runs: Keep the runs' journals there, too.
    """
    from benchmarks.commands import export
    from results.files import own_folder

    if reproduction is not None and INSTALLED:
        raise UserError("--reproduction keeps values in a checkout, to be committed there; this is an installed wheel.")
    if with_runs and reproduction is None:
        raise UserError("--with-runs: say under which name, by --reproduction.")

    code = export.export(out, to or own_folder(out, out / "export"), _console())
    if reproduction is not None:
        code = export.keep(out, reproduction, _console(), with_runs=with_runs)
    return code


@app.command
def ui(
    *tables: str,
    plugin: Plugins = None,
    out: Out = OUT,
    uri: Uri = None,
    port: Number = 5000,
    no_browser: bool = False,
) -> int:
    """Open MLflow's UI, on this machine alone, at a chart of published beside measured values, with links to more.

    Args:
        tables: Tables whose links are printed, or files of tables. Default: those that were run, the latest first.
        port: Port on 127.0.0.1.
        no_browser: Print the links and open nothing.
    """
    from benchmarks.commands.ui import ui as serve

    _load(plugin)
    return serve(out, uri, port, not no_browser, _console(), tables)


@app.command
def calibrate(*, scale: str = "smoke", device: str = "auto", out: Out = OUT) -> None:
    """Measure this machine: write the hardware card this-machine for the virtual clock.

    Args:
        scale: The scale whose networks are timed.
        device: cpu, cuda or auto.
        out: Folder of results; the card goes to hardware/this-machine.toml in it.
    """
    from benchmarks.commands.choose import check_out, one_of, usable_device
    from benchmarks.hardware.cores import usable_cores
    from benchmarks.runner.processes.openmp import applied, wait_policy
    from benchmarks.workloads.workload import SCALES, workload

    one_of("scale", scale, SCALES)
    threads = workload("cifar100", "resnet18", scale).threads
    with applied(wait_policy(1, threads, usable_cores())):  # before torch is imported
        kind = usable_device(device)
        check_out(out)
        from benchmarks.commands.calibrate import calibrate as measure

        measure(scale, kind, out, _console())


@app.command
def track(*tables: str, plugin: Plugins = None, out: Out = OUT, uri: Uri = None) -> int:
    """Feed the journals of an out folder to MLflow, now or again; no run is fed twice.

    Args:
        tables: Files of tables of your own, to lay what was published beside their runs.
    """
    from benchmarks.commands.track import track as feed

    _load(plugin)
    return feed(out, uri, _console(), tables)


@app.command
def new(kind: str, name: str) -> None:
    """Write a starter file, which runs as it is, into this folder, and print the next commands. Overwrites nothing.

    Args:
        kind: method, server (a method with one), table, network, task or data.
        name: Small letters, digits and underscores, such as my_sgd.
    """
    from benchmarks.commands import new

    new.new(kind, name, Path(), _console())


@app.command
def doctor(*, out: Out = OUT, data: Data = None) -> int:
    """Check Python, torch, devices, data and the store, and say how to mend what does not work.

    ok: it works; mend: it does not, and how to mend it; none: it is missing, and optional.
    """
    from benchmarks.commands import doctor as examination

    examination.show(examination.run(out, data), _console())
    return 0


def _console() -> Console:
    """Returns a console, 120 columns wide where the output is no terminal."""
    from benchmarks.commands.screen import Screen

    return Screen() if sys.stdout.isatty() else Screen(width=120)


def _load(plugins: list[Path] | None) -> None:
    import methods

    for path in plugins or []:
        methods.load_plugin(path)


def _trainer(
    tables: Sequence[str],
    selection: Selection,
    training: TrainingOptions,
    options: TrainOptions,
    engine: EngineOptions,
    *,
    detachable: bool = True,
) -> tuple[list[Experiment], Trainer]:
    """Returns the chosen experiments, and a trainer for them: on this machine, or on a cluster."""
    from benchmarks.commands import engines
    from benchmarks.commands.choose import choose, jobs_at_once
    from benchmarks.commands.training import Trainer

    requested_jobs = options.per_device if options.jobs is None else options.jobs
    slurm = engines.prepare(engine, selection, requested_jobs, _console(), detachable=detachable)
    experiments, chosen = choose(selection, tables, node=slurm.node if slurm else None, target=options.target)
    side_by_side = jobs_at_once(options.jobs, chosen, options.per_device) if slurm is None else 1
    trainer = Trainer(chosen, selection.out, training, _console(), side_by_side, slurm, tracked=not options.no_tracking)
    return experiments, trainer


for _name in EXAMPLES:
    app[_name].help_epilogue = epilogue(_name)
