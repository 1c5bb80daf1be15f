"""The command that makes a report's runs again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.executors import registry as executors
from benchmarks.hardware import cards
from benchmarks.hardware.card import Card
from benchmarks.runner import seeds
from benchmarks.runner.choices import Choices
from benchmarks.runner.tuning.search import TuningBudget
from benchmarks.workloads.data import own_card
from benchmarks.workloads.networks.names import OWN


def tuning(id: str, chosen: Choices, budget: TuningBudget, target: float | None = None) -> str:
    """The command that tunes a table's rows."""
    given = {"grid": budget.grid, "span": f"{budget.span:g}", "trials": budget.trials, "tuning-seeds": budget.seeds}
    words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    words += ["--sampler", budget.sampler] if budget.sampler != TuningBudget.sampler else []
    return f"{command([id], chosen, target, verb='tune')} {shlex.join(words)}"


def _network(name: str) -> str:
    return f"{_place(OWN[name].file)}:{name}" if name in OWN else name


def _card(card: Card) -> str:
    file = cards.file_of(card)
    return card.name if file is None else _place(file)


def _place(path: Path) -> str:
    """From where the command runs, if it lies there or below; else the whole path."""
    whole = path.expanduser().resolve()
    return str(whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole)


def _settings(chosen: Choices) -> Iterator[str]:
    """Arguments of `--set`; those that a data card brings come with it again."""
    brought = own_card.settings(own_card.load(chosen.own.data)) if chosen.own.data is not None else {}
    for owner, options in chosen.settings.items():
        for key, value in options.items():
            if owner != "workload" or brought.get(key) != value:
                yield f"{owner}.{key}={value}"
    yield from (f"{one.name}={one.text}" for one in chosen.sweeps)


def command(ids: Sequence[str], chosen: Choices, target: float | None = None, verb: str = "run") -> str:
    """The command that makes these runs, all of them, from where this one was given; but for its --out."""
    files = {table.id: _place(table.file) for table in chosen.own_tables if table.file is not None}
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
    words += ["--hardware", _card(chosen.card)] if chosen.card is not None else []
    words += ["--device", chosen.device] if chosen.device != "cpu" else []
    words += ["--target", f"{target:g}"] if target is not None else []
    words += [word for one in _settings(chosen) for word in ("--set", one)]
    words += [word for path in chosen.plugins for word in ("--plugin", _place(path))]
    words += ["--data-card", _place(chosen.own.data)] if chosen.own.data is not None else []
    words += ["--no-alias"] if not chosen.alias else []
    words += ["--data", _place(chosen.data)] if chosen.data is not None else []
    return shlex.join(words)
