"""Turns the options of the command line into checked choices. Imports no torch; raises UserError or MethodError."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields, replace
from pathlib import Path

import methods
from benchmarks.analyses.definition import Analysis
from benchmarks.commands import settings as setting_parser
from benchmarks.commands.options import Selection
from benchmarks.errors import UserError
from benchmarks.executors import registry as executors
from benchmarks.executors.distributed import place as places
from benchmarks.experiments import GROUPS, IDS, Experiment, expand, experiment
from benchmarks.hardware import cards
from benchmarks.hardware.cores import usable_cores
from benchmarks.runner import gpus
from benchmarks.runner import seeds as of_seeds
from benchmarks.runner.choices import Choices
from benchmarks.runner.gpus import Node
from benchmarks.runner.options import PlanOptions
from benchmarks.runner.plan import Run
from benchmarks.runner.resolve import resolve
from benchmarks.tables.definition import Row, Table
from benchmarks.tables.own import is_file
from benchmarks.views import journals
from benchmarks.workloads.data.present import check_present, is_here
from benchmarks.workloads.networks.names import NETWORKS
from benchmarks.workloads.own import OwnFiles
from benchmarks.workloads.own_files import load, networks
from benchmarks.workloads.scales import BUDGETS
from benchmarks.workloads.workload import SCALES, Workload
from methods.errors import unknown, unknown_method


def split(values: Iterable[str]) -> list[str]:
    """Splits at commas: ["a,b", "c"] -> ["a", "b", "c"]."""
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def one_of(kind: str, name: str, names: Sequence[str]) -> str:
    """Returns the name. Raises UserError, offering the nearest, where it is not among the names.

    kind: for the message.
    """
    if name not in names:
        raise UserError(unknown(kind, name, names))
    return name


def chosen_experiments(names: Sequence[str], cards: Sequence[str] = ()) -> list[Experiment]:
    """Returns the experiments of these names. cards: hardware cards, offered as well where a name is unknown."""
    chosen = expand(split(names))
    if not chosen:
        raise UserError(f"Name at least one table: {', '.join(IDS)}; or {', '.join(GROUPS)}.")
    for name in chosen:
        if name in cards:
            raise UserError(f"{name} is a hardware card: show it by itself, without a table.")
        if cards and not (name in IDS or is_file(name)):
            names_there = dict.fromkeys([*IDS, *GROUPS, *cards, *methods.names()])
            sentence = unknown("table, hardware card or method", name, names_there, otherwise="`list` has them all.")
            raise UserError(f"{sentence} A method of your own is loaded by --plugin FILE.py.")
    experiments = [experiment(name) for name in chosen]
    for chosen_one, name in zip(experiments, chosen, strict=True):
        if [item.id for item in experiments].count(chosen_one.id) > 1:
            raise UserError(f"{name}: two tables are called {chosen_one.id}; give one of them another id.")
    return experiments


def one_table(experiments: Sequence[Experiment], name: str) -> Table:
    """Returns the table or figure that the name stood for. Raises UserError for any other, and for several."""
    if len(experiments) > 1 or not isinstance(experiments[0], Table):
        raise UserError(f"{name}: name one table or figure whose rows are trained, such as table1.")
    return experiments[0]


def default_jobs(device: str, per_device: int = 1) -> int:
    """Returns `per_device` per GPU that this process sees where it trains on GPUs, else its number of cores."""
    return per_device * gpus.detect().count if device == "cuda" else usable_cores()


def jobs_at_once(jobs: int | None, chosen: Choices, per_device: int | None = None) -> int:
    """Returns the number of runs side by side. Raises UserError where the options give none."""
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs {jobs}: give the number of runs side by side, 1 or more.")
    if per_device is None:
        exclusive = not chosen.kind.simulated  # real seconds need the cores alone, on a GPU as well
        return jobs or (1 if exclusive else default_jobs(chosen.device))
    if per_device < 1:
        raise UserError(f"--per-device {per_device}: give the number of runs side by side on each GPU, 1 or more.")
    if jobs is not None:
        raise UserError("--per-device is the number of runs on each GPU, --jobs that on all: give one of them.")
    if chosen.device != "cuda":
        raise UserError("--per-device is for GPUs; on the CPU say --jobs, the runs side by side.")
    return default_jobs(chosen.device, per_device)


def choose(
    selection: Selection,
    names: Sequence[str] | None,
    hardware: Sequence[str] = (),
    node: Node | None = None,
    target: float | None = None,
) -> tuple[list[Experiment], Choices]:
    """Resolves the command line: names of experiments and options -> the experiments and the checked choices.

    names: None: no experiments. hardware: as `chosen_experiments`. node: that trains the runs, if it is not this
    machine. Raises UserError or MethodError on the first invalid one.
    """
    selection = selection.smallest
    registered = {
        path: methods.load_plugin(path) for path in (path.expanduser().resolve() for path in selection.plugin or ())
    }
    experiments = chosen_experiments(names, hardware) if names is not None else []
    tables = [item for item in experiments if isinstance(item, Table)]
    plugins = tuple(path for path in registered if not tables or any(path not in item.plugins for item in tables))
    selection = _with_named(selection, experiments)
    numbers = split(selection.devices or ())
    seeds = of_seeds.parsed(selection.seeds)
    kind = _executor(selection.executor, selection.record, selection.hardware)
    of_tables = [network for item in experiments if isinstance(item, Table) for network in item.own.networks]
    chosen, own = split(selection.network or ()), load(OwnFiles((), selection.task, selection.data_card))
    files = networks(chosen)
    own = own.with_networks([*files.values(), *of_tables])
    network_choices = [*NETWORKS, *(network.name for network in own.networks)]
    fixed, sweeps = setting_parser.settings(selection.settings)
    measured = not kind.simulated and (selection.out / "hardware" / "this-machine.toml").is_file()  # by `calibrate`
    if own.settings:  # --set goes before them
        fixed["workload"] = {**own.settings, **fixed.get("workload", {})}
    keys = {row.key for item in experiments if isinstance(item, Table) for row in item.rows}
    rows = tuple(_row(name, keys) for name in setting_parser.rows(selection.method or ()))
    setting_parser.check_sweeps(sweeps, rows, [item.id for item in experiments if isinstance(item, Analysis)])
    choices = Choices(
        scale=one_of("scale", selection.scale, SCALES),
        budget=_budget(selection, experiments),
        seeds=seeds,
        methods=rows,
        networks=tuple(
            files[word].name if word in files else one_of("network", word, network_choices) for word in chosen
        ),
        executor=selection.executor,
        **{option.name: getattr(selection, option.name) for option in fields(PlanOptions)},
        card=cards.load(selection.hardware, out=selection.out) if selection.hardware else None,
        device=usable_device(selection.device, numbers) if node is None else _device_of(node, selection.device),
        node=node,
        data=selection.data.expanduser() if selection.data is not None else None,
        peak=cards.load("this-machine", out=selection.out).peak_flops_per_second if measured else None,
        settings=_with_ranks(fixed, kind, experiments, rows),
        sweeps=sweeps,
        plugins=plugins,
        plugin_methods=tuple(name for path in plugins for name in registered[path]),
        own=own,
        own_tables=tuple(item for item in experiments if isinstance(item, Table) and item.file is not None),
        target=target,
    )
    if target is not None:
        for item in experiments:
            if isinstance(item, Table):
                resolve(item, choices)  # `report` leaves out what cannot be resolved; this is to be said
    return experiments, choices


def _with_named(selection: Selection, experiments: Sequence[Experiment]) -> Selection:
    """Returns the selection with the data card and settings that the tables' files name; options go before them.

    Raises UserError where the experiments have different ones, since a selection goes for all of them.
    """
    named = {
        item.id: (selection.data_card or item.data_card, item.settings)
        if isinstance(item, Table)
        else (selection.data_card, ())
        for item in experiments
    }
    if len(set(named.values())) > 1:
        first = next(item for item in experiments if isinstance(item, Table) and (item.data_card or item.settings))
        raise UserError(f"{first.file} names data or settings of its own, and other tables do not: name it alone.")
    card, settings = next(iter(named.values()), (selection.data_card, ()))
    overridden = {setting.partition("=")[0].strip() for setting in selection.settings}
    prefixes = {"workload", *(name.partition("@")[0] for name in setting_parser.rows(selection.method or ()))}
    set_ = [
        setting
        for setting in settings
        if setting.partition("=")[0].strip() not in overridden
        and (not selection.method or setting.partition(".")[0].strip() in prefixes)
    ]
    return replace(selection, data_card=card, set_=[*set_, *(selection.set_ or ())])


def _budget(selection: Selection, experiments: Sequence[Experiment]) -> int:
    """Checks --budget -> the number. Raises UserError where the scale has no such budget, or an analysis is chosen."""
    budgets = {str(budget): budget for budget in BUDGETS}
    if selection.budget not in budgets:
        raise UserError(
            f"--budget {selection.budget}: there are {', '.join(budgets)} times the samples of scale small."
        )
    budget = budgets[selection.budget]
    if budget != 1 and selection.scale != "small":
        raise UserError(f"--budget {budget}: scale {selection.scale} has no budgets, as small has; leave it out.")
    analyses = [item.id for item in experiments if isinstance(item, Analysis)]
    if budget != 1 and analyses:
        raise UserError(f"--budget {budget}: {analyses[0]} is an analysis, which has no budget; name tables alone.")
    return budget


def _row(name: str, keys: Collection[str]) -> str:
    """Checks a name of --method: a method, one of the tables' rows, or another row of a method -> the row's key."""
    if name in keys:
        return name
    method, at, _ = name.partition("@")
    if method not in methods.names():
        raise UserError(unknown_method(method, sorted({*methods.names(), *([] if at else keys)})))
    return Row.parsed(name).key if at else name


def _executor(name: str, record: bool, hardware_name: str | None) -> executors.ExecutorKind:
    kind = executors.executor(one_of("executor", name, executors.names()))
    if record and kind.repeatable:
        real = " or ".join(
            executor_name
            for executor_name in executors.in_one_process()
            if not executors.executor(executor_name).repeatable
        )
        anyway = f"runs on the {name} executor repeat bit for bit anyway"
        raise UserError(f"--record: {anyway}; leave it out, or add --executor {real}.")
    if record and not kind.one_process:
        raise UserError(f"--record: no schedule is kept of several processes; leave it out on the {name} executor.")
    if hardware_name and not kind.needs_card:
        priced = " or ".join(
            executor_name for executor_name in executors.names() if executors.executor(executor_name).needs_card
        )
        raise UserError(f"--hardware is for the {priced} executor; real {name} run on this machine's own hardware.")
    return kind


def _with_ranks(
    settings: dict[str, dict[str, str]],
    kind: executors.ExecutorKind,
    experiments: Sequence[Experiment],
    rows: Sequence[str],
) -> dict[str, dict[str, str]]:
    """Returns the settings of `--set`, with a method's devices set to the ranks that torchrun or srun has started.

    Without either, ranks are started for the devices that the settings say.
    """
    place = None if kind.one_process else places.rank_from_environment()
    if place is None:
        return settings
    tables = [row for item in experiments if isinstance(item, Table) for row in item.rows]
    names = [row.method for row in tables if not rows or row.key in rows or row.method in rows]
    having = {name for name in names if "devices" in methods.method_class(name).Options.__dataclass_fields__}
    return settings | {name: {"devices": str(place.ranks), **settings.get(name, {})} for name in sorted(having)}


def usable_device(device: str, devices: Sequence[str] = ()) -> str:
    """Returns "cpu" or "cuda"; "auto" is cuda where there is one. devices: numbers of the GPUs to use; none: all.

    Raises UserError where cuda was asked for and there is none, for one GPU of several, where these differ, and on a
    number of a GPU that is not there.
    """
    kind, _, index = device.partition(":")
    if kind == "cuda" and index:
        raise UserError(f"--device {device}: choose GPUs by --devices {index}, and say --device cuda.")
    one_of("device", device, ("cpu", "cuda", "auto"))
    if devices:
        if device == "cpu":
            raise UserError(f"--devices {','.join(devices)}: runs on the CPU have no GPUs; say --device cuda.")
        gpus.choose(devices)
        device = "cuda"
    usable = device != "cpu" and gpus.usable()
    if device == "cuda" and not usable:
        raise UserError("--device cuda: no CUDA device is usable here; `python -m benchmarks doctor` says why.")
    if usable and gpus.detect().count < len(devices):
        raise UserError(f"--devices {','.join(devices)}: torch sees {gpus.detect().count} of these GPUs here.")
    return "cuda" if usable else "cpu"


def recorded_node(device: str, out: Path) -> Node | None:
    """Returns the machine of the latest run on a GPU in `out`, if cuda was asked for and there is none here.

    So commands that only read show runs that were copied from a machine with a GPU. None: this machine.
    """
    if device != "cuda" or gpus.usable():
        return None
    for record in reversed(journals.read(out).records):
        if record.spec.gpu is not None:
            seen = record.environment.get("gpu") or {}
            return Node("", 0, gpus.Gpus(record.spec.gpu, seen.get("count", 1)))
    return None


def _device_of(node: Node, device: str) -> str:
    one_of("device", device, ("cpu", "cuda", "auto"))
    if device == "cuda" and node.gpus is None:
        raise UserError("--device cuda: a job sees no GPU on its node; ask for one, as by --slurm gres=gpu:1.")
    return node.device if device == "auto" else device


def missing_data(runs: Iterable[Run], folder: Path | None) -> str:
    """Returns a sentence about the first data set that is missing, or shard that is too small; "" where none is.

    Called before anything starts.
    """
    if folder is not None and not folder.expanduser().exists():
        raise UserError(f"--data {folder}: there is no such folder.")
    runs = list(runs)
    try:
        for run in {run.spec.workload.dataset: run for run in runs}.values():
            check_present(run.work.card, folder)
        _check_shards(runs, folder)
    except UserError as error:
        return str(error)
    return ""


def absent(runs: Iterable[Run], folder: Path | None) -> list[str]:
    """Returns a sentence for each data set that is not on this machine: how to get it, or that `run` downloads it."""
    sentences = []
    for card in {run.work.card.name: run.work.card for run in runs}.values():
        try:
            check_present(card, folder)
            if not is_here(card, folder):
                sentences.append(f"{card.title} is not on this machine: `run` downloads it first.")
        except UserError as error:
            sentences.append(str(error))
    return sentences


def _check_shards(runs: Iterable[Run], folder: Path | None) -> None:
    """Raises UserError where a device's shard is too small; of data that are not here, their run says it."""
    divided: dict[tuple[object, ...], tuple[Workload, int]] = {}
    for work, run in ((run.work, run) for run in runs if run.work.shards.alpha is not None):
        shards = methods.recorded(run.spec.method.name, run.spec.method.options).shards
        key = (
            work.dataset,
            work.train_samples,
            work.validation,
            work.text,
            work.tokens,
            work.shards,
            work.batch,
            shards,
        )
        divided[key] = work, shards
    for work, shards in divided.values():
        if shards > 1 and is_here(work.card, folder):
            from benchmarks.runner.training import load_data  # torch, which others go without

            load_data(work, folder).shards(work.shards, devices=shards, batch=work.batch)


def check_out(out: Path) -> None:
    """Raises UserError when nothing can be written to the folder."""
    probe = out / f".writable-{os.getpid()}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise UserError(f"--out {out} cannot be written ({error.strerror}): name another folder.") from error
