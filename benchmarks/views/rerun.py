"""The command that makes a report's runs again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from benchmarks.executors import registry as executors
from benchmarks.runner import seeds
from benchmarks.runner.choices import Choices
from benchmarks.runner.tuning.search import TuningBudget
from benchmarks.workloads.networks.names import OWN


def tuning(id: str, chosen: Choices, budget: TuningBudget, target: float | None = None) -> str:
    """The command that tunes a table's rows."""
    given = {"grid": budget.grid, "span": f"{budget.span:g}", "trials": budget.trials, "tuning-seeds": budget.seeds}
    words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    words += ["--sampler", budget.sampler] if budget.sampler != TuningBudget.sampler else []
    return f"{command([id], chosen, target, verb='tune')} {shlex.join(words)}"


def _network(name: str) -> str:
    return f"{OWN[name].file.name}:{name}" if name in OWN else name


def command(ids: Sequence[str], chosen: Choices, target: float | None = None, verb: str = "run") -> str:
    """The command that makes these runs; folders are left out, files named without their place."""
    files = {table.id: table.file.name for table in chosen.own_tables if table.file is not None}
    words = [
        "python",
        "-m",
        "benchmarks",
        verb,
        *(files.get(id, id) for id in ids),
        "--scale",
        chosen.scale,
        "--seeds",
        seeds.argument(chosen.seeds),
    ]
    words += [word for name in chosen.methods for word in ("--method", name)]
    words += [word for name in chosen.networks for word in ("--network", _network(name))]
    words += ["--executor", chosen.executor] if chosen.executor != executors.DEFAULT else []
    words += ["--record"] if chosen.record else []
    words += ["--hardware", chosen.card.name] if chosen.card is not None else []
    words += ["--device", chosen.device] if chosen.device != "cpu" else []
    words += ["--target", f"{target:g}"] if target is not None else []
    for owner, options in chosen.settings.items():
        words += [word for key, value in options.items() for word in ("--set", f"{owner}.{key}={value}")]
    words += [word for one in chosen.sweeps for word in ("--set", f"{one.name}={one.text}")]
    words += [word for path in chosen.plugins for word in ("--plugin", path.name)]
    words += ["--data-card", chosen.own.data.name] if chosen.own.data is not None else []
    words += ["--no-alias"] if not chosen.alias else []
    words += ["--data", "FOLDER"] if chosen.data is not None else []
    return shlex.join(words)
