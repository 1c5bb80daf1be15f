"""The command that makes runs again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.executors import registry as executors
from benchmarks.hardware import cards
from benchmarks.hardware.card import Card
from benchmarks.runner import seeds
from benchmarks.runner.choices import Choices

PLAIN = Choices()


@dataclass(frozen=True)
class Command:
    """Makes these runs, all of them, from where this one was given; but for its --out. names: of tables."""

    names: tuple[str, ...]
    scale: str
    seeds: tuple[int, ...]
    options: tuple[str, ...] = ()

    def text(self, verb: str = "run") -> str:
        words = ["python", "-m", "benchmarks", verb, *self.names]
        return shlex.join([*words, "--scale", self.scale, "--seeds", seeds.argument(self.seeds), *self.options])


def command(ids: Sequence[str], chosen: Choices = PLAIN) -> Command:
    """ids: of tables and analyses; those of the user's own are named by their files."""
    files = {table.id: _place(table.file) for table in chosen.own_tables if table.file is not None}
    return Command(tuple(files.get(id, id) for id in ids), chosen.scale, chosen.seeds, tuple(_options(chosen)))


def replay(run: str, chosen: Choices, out: Path) -> str:
    """The command that replays a recorded run of these choices; with its --out, since it is read there."""
    options = ["--out", _place(out)] if out != Path("out") else []
    networks = [f"--network={_place(network.file)}:{network.name}" for network in chosen.own.networks]
    return shlex.join(["python", "-m", "benchmarks", "replay", run, *options, *networks, *_files(chosen)])


def _files(chosen: Choices) -> Iterator[str]:
    """Options that name plug-ins, the user's own task and data, and the folder of data."""
    yield from (word for path in chosen.plugins for word in ("--plugin", _place(path)))
    task, data = chosen.own.files.task, chosen.own.files.data
    yield from ["--task", _place(task)] if task is not None else []
    yield from ["--data-card", _place(data)] if data is not None else []
    yield from ["--data", _place(chosen.data)] if chosen.data is not None else []


def _options(chosen: Choices) -> Iterator[str]:
    yield from ["--budget", str(chosen.budget)] if chosen.budget != 1 else []
    yield from (word for name in chosen.methods for word in ("--method", name))
    files = {network.name: f"{_place(network.file)}:{network.name}" for network in chosen.own.networks}
    yield from (word for name in chosen.networks for word in ("--network", files.get(name, name)))
    yield from ["--executor", chosen.executor] if chosen.executor != executors.DEFAULT else []
    yield from ["--record"] if chosen.record else []
    yield from ["--hardware", _hardware(chosen.card)] if chosen.card is not None else []
    yield from ["--device", chosen.device] if chosen.device != "cpu" else []
    yield from ["--target", f"{chosen.target:g}"] if chosen.target is not None else []
    yield from (word for one in _settings(chosen) for word in ("--set", one))
    yield from ["--no-alias"] if not chosen.alias else []
    yield from _files(chosen)


def _hardware(chosen: Card) -> str:
    file = cards.file_of(chosen)
    return chosen.name if file is None else _place(file)


def _place(path: Path) -> str:
    """Path relative to the working directory if it lies below, else the whole path."""
    whole = path.expanduser().resolve()
    return str(whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole)


def _settings(chosen: Choices) -> Iterator[str]:
    """Arguments of `--set`; those that a data card or a task's file brings come with it again."""
    brought = chosen.own.settings
    for owner, options in chosen.settings.items():
        for key, value in options.items():
            if owner != "workload" or brought.get(key) != value:
                yield f"{owner}.{key}={value}"
    yield from (f"{one.name}={one.text}" for one in chosen.sweeps)
