"""Trains runs, replays one, and lays a table's beside what was published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import methods as registry
from async_sgd_benchmarks.runs import Place, Runs, of_tables
from benchmarks.commands import run as command
from benchmarks.commands.choose import choose, jobs_at_once, one_table
from benchmarks.commands.options import Selection
from benchmarks.commands.screen import Screen
from benchmarks.commands.training import Trainer
from benchmarks.errors import Interrupted, UserError
from benchmarks.runner import seeds as of_seeds
from benchmarks.runner.options import TrainingOptions
from benchmarks.runner.resolve import resolve
from benchmarks.tables.definition import Table
from benchmarks.views import journals
from benchmarks.views.table import assemble
from benchmarks.views.table_runs import find_runs
from benchmarks.workloads.own import OwnFiles
from methods.errors import unknown
from results.statistics.resolution import summary_interval

if TYPE_CHECKING:
    from pandas import DataFrame

Method = str | type[registry.Method]
RENAMED = {"method": "methods", "network": "networks", "plugin": "plugins", "set_": "settings"}
"""Fields of the command line's selection -> the arguments that give them here."""


def run(
    *tables: str,
    methods: Sequence[Method] = (),
    networks: Sequence[str] = (),
    seeds: int | str | Sequence[int] = 3,
    scale: str = "smoke",
    executor: str = "virtual",
    settings: Mapping[str, Any] | None = None,
    plugins: Sequence[Place] = (),
    out: Place = "out",
    jobs: int | None = None,
    progress: bool = True,
    fresh: bool = False,
    **options: Any,
) -> Runs:
    """Trains what is missing of these tables, in processes of this machine as `run` does -> their runs.

        ab.run("table3", methods=["bp", "async_lu"], networks=["resnet18"], seeds=5)
        ab.run("table3", methods=["my_sgd"], plugins=["my_sgd.py"], settings={"workload.epochs": 2})

    Args:
        tables: such as "table3", "lowcomm" or "my_table.toml"; no analysis.
        methods: names or rows ("lapsgd@updaters=4"), or classes that a plug-in registered; none: all of the table's.
        networks: of the table's, or others; none: all of the table's.
        seeds: how many, which ([0, 3]), or as the command line has them ("0-4,7").
        scale: "smoke", "small" or "paper".
        executor: "virtual" (simulated seconds), "threads" or "distributed".
        settings: what `--set` takes, such as {"async_lu.queue": 4}; several values ([1, 4]) are a row each.
        plugins: files with methods of your own. Runs keep the digest of their text, so a class in a notebook's cell
            cannot be trained: head the cell with %%writefile my_sgd.py.
        out: folder of results. jobs: runs side by side; by default one a core, or one in real time.
        progress: say on stderr, or below a notebook's cell, how far it is; False: nothing.
        fresh: repeat runs that are there.
        options: further fields of the command line's `Selection`, such as hardware, data, device, record, budget.

    Nothing is fed to MLflow; `python -m benchmarks track` does. Raises UserError or MethodError on what is wrong before
    anything is trained; UserError where runs failed, once the others have ended; KeyboardInterrupt where it was
    interrupted, with what is kept: the same call carries on.
    """
    selection = _selection(methods, networks, seeds, scale, executor, settings, plugins, out, options)
    experiments, chosen = choose(selection, tables)
    for experiment in experiments:
        if not isinstance(experiment, Table):
            id = experiment.id
            raise UserError(f"{id} is an analysis and trains no table: `python -m benchmarks run {id}`.")
    console = Screen(stderr=True) if progress else Screen(quiet=True, force_jupyter=False)
    trainer = Trainer(chosen, selection.out, TrainingOptions(fresh=fresh), console, jobs_at_once(jobs, chosen))
    try:
        trained = command.train(experiments, trainer)
    except Interrupted as error:
        raise KeyboardInterrupt(str(error)) from None
    assert trained is not None  # there is no cluster
    if trainer.failed:
        count, kept = len(trainer.failed), f"the others are kept, see load({str(out)!r})"
        raise UserError(f"{count} of the runs failed, and {kept}. " + " ".join(trainer.failed))
    if trained.without:
        raise UserError(" ".join(trained.without.values()))
    return of_tables(str(out), (record for shown in trained.tables.values() for record in shown.used))


def table(
    name: str,
    *,
    methods: Sequence[Method] = (),
    networks: Sequence[str] = (),
    seeds: int | str | Sequence[int] = 3,
    scale: str = "smoke",
    executor: str = "virtual",
    settings: Mapping[str, Any] | None = None,
    plugins: Sequence[Place] = (),
    out: Place = "out",
    target: float | None = None,
    **options: Any,
) -> DataFrame:
    """Returns a table as `run` prints it, of finished runs: rows are (network, method), columns (measure, value).

    value: `published` and `measured` means, `low` and `high` of the measured one (95 %), and `n` runs; NaN where there
    is none; of a measure to a target also `target`, which the rows chosen here may set (the published one has the
    paper's). What qualifies it is in `frame.attrs`: title, source, captions, caveats, notes, and reasons (why a cell is
    empty). target: value to reach; the other arguments as `run` was given them.

        ab.table("table3", networks=["resnet18"])["best_accuracy_percent"]

    Raises UserError where it has no run, or as `run`.
    """
    import pandas as pd

    selection = _selection(methods, networks, seeds, scale, executor, settings, plugins, out, options)
    experiments, chosen = choose(selection, [name], target=target)
    table_runs = find_runs(resolve(one_table(experiments, name), chosen), journals.some(selection.out))
    if not table_runs.records:
        raise UserError(f"No run in {out} belongs to {name} as chosen here: name all that `run` was given, or run it.")
    result = assemble(table_runs)
    lines: dict[tuple[str, str], dict[tuple[str, str], float | None]] = {}
    reasons: dict[tuple[str, str, str], str] = {}
    for row in result.rows:
        subject = row.network, row.method_label
        line = lines.setdefault(subject, {})
        for measure, cell in zip(result.measures, row.cells, strict=True):
            measured = cell.measured
            interval = summary_interval(measured) if measured is not None else None
            ends = measure.possible(interval) if interval is not None else None
            line[measure.key, "published"] = cell.published.mean if cell.published is not None else None
            line[measure.key, "measured"] = measured.mean if measured is not None else None
            line[measure.key, "low"], line[measure.key, "high"] = (ends.low, ends.high) if ends else (None, None)
            line[measure.key, "n"] = measured.n if measured is not None else 0
            if measure.needs == "target":
                goal = table_runs.targets[row.network]
                line[measure.key, "target"] = goal.value if goal is not None else None
            if cell.reason:
                reasons[*subject, measure.key] = cell.reason
    frame = pd.DataFrame.from_dict(lines, orient="index").astype("float64")
    frame.index = pd.MultiIndex.from_tuples(lines, names=["network", "method"])
    frame.columns = pd.MultiIndex.from_tuples(frame.columns, names=["measure", "value"])
    texts = {key: list(getattr(result, key)) for key in ("captions", "caveats", "notes")}
    frame.attrs = {"title": result.title, "source": result.source, **texts, "reasons": reasons}
    return frame


def replay(
    id: str, out: Place = "out", *, plugins: Sequence[Place] = (), data: Place | None = None, **own: Any
) -> DataFrame:
    """Carries out a run of `run(..., executor="threads", record=True)` again, in one thread of this process.

    Returns a row per epoch: the metrics that a replay has in common with its run, as the run's journal has them, `same`
    (to the last bit) and `difference`, a sentence; the first that differs is the last. id: the beginning of the run's,
    or its folder. own: networks, task and data of one's own, as `OwnFiles` has them.

        ab.replay(runs.runs.id[0])["same"].all()

    Raises UserError where the run was not recorded, or by other sources, torch or data; ResultsError where its schedule
    cannot be read.
    """
    import pandas as pd

    from benchmarks.commands.replay import SAME, replayed

    folder = Path(data) if data is not None else None
    _, epochs = replayed(id, Path(out), folder, list(map(Path, plugins)), OwnFiles(**own))
    rows = [
        {
            "epoch": point.epoch,
            **{name: point.metrics.get(name) for name in SAME},
            "same": not wrong,
            "difference": wrong,
        }
        for point, wrong in epochs
    ]
    return pd.DataFrame(rows)


def _selection(
    methods: Sequence[Method],
    networks: Sequence[str],
    seeds: int | str | Sequence[int],
    scale: str,
    executor: str,
    settings: Mapping[str, Any] | None,
    plugins: Sequence[Place],
    out: Place,
    options: Mapping[str, Any],
) -> Selection:
    """Returns the arguments as options of the command line. Raises UserError for an unknown option."""
    for name, several in (("methods", methods), ("networks", networks), ("plugins", plugins)):
        if isinstance(several, str):
            raise UserError(f"{name}={several!r}: give a list, [{several!r}].")
    fields = [name for name in Selection.__dataclass_fields__ if name not in RENAMED]
    for name in options:
        if name in RENAMED:
            raise UserError(f"The option {name}= is called {RENAMED[name]}= in Python.")
        if name not in fields:
            raise UserError(unknown("option", name, fields))
    paths = {name: Path(options[name]) for name in ("data", "task", "data_card") if options.get(name)}
    return Selection(
        **{
            **options,
            **paths,
            "method": [method if isinstance(method, str) else method.name for method in methods] or None,
            "network": list(networks) or None,
            "seeds": str(seeds) if isinstance(seeds, int | str) else of_seeds.argument(sorted(set(seeds))),
            "scale": scale,
            "executor": executor,
            "set_": [f"{name}={_text(value)}" for name, value in (settings or {}).items()],
            "plugin": [Path(path) for path in plugins],
            "out": Path(out),
        }
    )


def _text(value: Any) -> str:
    """Returns a value as `--set` has it: "true", "4", "1,4,16"."""
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
