"""Writes choices as the command that makes runs again, and as the condition that names an output.

Options that need no parsing write themselves (`runner.options`); all others are written in `_written`.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.executors import registry as executors
from benchmarks.hardware import cards
from benchmarks.hardware.card import Card
from benchmarks.runner import seeds
from benchmarks.runner.choices import Choices
from benchmarks.runner.identity import hardware_of
from benchmarks.runner.options import Written
from results.tables import RunCondition

DEFAULTS = Choices()
FILES = ("task", "data_card", "data")
"""Choices that name files and folders of the user, other than plug-ins, for a replay."""
OF_A_CARD = ("workload.train_samples=none", "workload.test_samples=none", "workload.resolution=none")
"""Settings that a user's data card implies, by which all of the data are used."""


def _written(chosen: Choices, owners: Collection[str] | None = None) -> Iterator[Written]:
    """Yields every choice other than the default. owners: whose settings have words; None: all."""
    own = chosen.own
    if chosen.budget != 1:
        yield Written("budget", ["--budget", str(chosen.budget)], f"{chosen.budget}-times-the-samples")
    if chosen.methods:
        yield Written("methods", _each("--method", chosen.methods), "+".join(sorted(chosen.methods)))
    if chosen.plugins or chosen.plugin_methods:
        word = f"with-{'+'.join(sorted(chosen.plugin_methods))}" if chosen.plugin_methods else ""
        yield Written("plugins", _each("--plugin", map(_place, chosen.plugins)), word)
    if chosen.networks:
        files = {network.name: f"{_place(network.file)}:{network.name}" for network in own.networks}
        names = _each("--network", (files.get(name, name) for name in chosen.networks))
        yield Written("networks", names, "+".join(sorted(chosen.networks)))
    if chosen.card is not None:
        file = cards.file_of(chosen.card)
        yield Written("card", ["--hardware", chosen.card.name if file is None else _place(file)], chosen.card.name)
    if not chosen.any_seed and chosen.seeds != DEFAULTS.seeds:
        yield Written("seeds", [], seeds.slug(chosen.seeds))  # every command names its seeds
    yield from chosen.written()
    if chosen.target is not None:
        yield Written("target", ["--target", f"{chosen.target:g}"], f"target-{chosen.target:g}")
    yield Written("settings", _each("--set", _arguments(chosen)))
    for name, value in sorted(settings(chosen, owners).items()):
        yield Written("settings", [], f"{name}={value}")
    if chosen.executor != executors.DEFAULT:
        yield Written("executor", ["--executor", chosen.executor])
    if chosen.device != "cpu":
        yield Written("device", ["--device", chosen.device])
    for field, option, path in (
        ("task", "--task", own.files.task),
        ("data_card", "--data-card", own.files.data),
        ("data", "--data", chosen.data),
    ):
        if path is not None:
            yield Written(field, [option, _place(path)])


def settings(chosen: Choices, owners: Collection[str] | None = None) -> dict[str, str]:
    """Returns settings by name, "workload.stem" -> value; all values of a sweep. owners: whose settings; None: all."""
    values = {f"{owner}.{key}": value for owner, options in chosen.settings.items() for key, value in options.items()}
    if chosen.own.data is not None:
        values = {name: value for name, value in values.items() if f"{name}={value}" not in OF_A_CARD}
    values |= {sweep.name: sweep.text for sweep in chosen.sweeps}
    return {name: value for name, value in values.items() if owners is None or name.partition(".")[0] in owners}


def _arguments(chosen: Choices) -> Iterator[str]:
    """Yields arguments of `--set`, except settings that --data-card or --task imply."""
    for owner, options in chosen.settings.items():
        for key, value in options.items():
            if owner != "workload" or chosen.own.settings.get(key) != value:
                yield f"{owner}.{key}={value}"
    yield from (f"{sweep.name}={sweep.text}" for sweep in chosen.sweeps)


def _each(option: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _place(path: Path) -> str:
    """Path relative to the working directory if it lies below, else the absolute path."""
    whole = path.expanduser().resolve()
    return str(whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole)


@dataclass(frozen=True)
class Command:
    """The command that makes runs again from this folder, except for its --out. names: of tables and analyses."""

    names: tuple[str, ...]
    scale: str
    seeds: tuple[int, ...]
    options: tuple[str, ...] = ()

    def text(self, verb: str = "run") -> str:
        words = ["python", "-m", "benchmarks", verb, *self.names]
        return shlex.join([*words, "--scale", self.scale, "--seeds", seeds.argument(self.seeds), *self.options])


def command(ids: Sequence[str], chosen: Choices = DEFAULTS) -> Command:
    """Returns the command for tables and analyses of these ids; the user's own are named by their files."""
    files = {table.id: _place(table.file) for table in chosen.own_tables if table.file is not None}
    options = tuple(word for choice in _written(chosen) for word in choice.arguments)
    return Command(tuple(files.get(id, id) for id in ids), chosen.scale, chosen.seeds, options)


def replay(run: str, chosen: Choices, out: Path) -> str:
    """Returns the command that replays a recorded run of these choices."""
    options = ["--out", _place(out)] if out != Path("out") else []
    options += [f"--network={_place(network.file)}:{network.name}" for network in chosen.own.networks]
    options += _each("--plugin", map(_place, chosen.plugin_files))
    options += [word for choice in _written(chosen) if choice.field in FILES for word in choice.arguments]
    return shlex.join(["python", "-m", "benchmarks", "replay", run, *options])


def condition(chosen: Choices, card: Card | None, selection: Iterable[str]) -> RunCondition:
    """Returns the condition of choices. Its mark is the amount of real hardware ("x2"), or the digest of a user's card.

    card: of the virtual clock; None in real time, and for many tables, each with its own. selection: from `words`.
    """
    if card is None and chosen.kind.needs_card:
        return RunCondition(chosen.scale, chosen.executor, "", chosen.device, "", tuple(selection))
    hardware = hardware_of(card, chosen.gpus if card is None else None, chosen.node)
    if card is None:
        mark = f"x{hardware.gpus or hardware.cores}"
    else:
        is_shipped = card.name in cards.names() and cards.load(card.name).sha256 == card.sha256
        mark = "" if is_shipped else hardware.sha256[:6]
    return RunCondition(chosen.scale, chosen.executor, hardware.name, chosen.device, mark, tuple(selection))


def words(
    chosen: Choices, owners: Collection[str] | None = None, *, without: Collection[str] = ("card",)
) -> Iterator[str]:
    """Yields a word for each choice other than the default.

    owners: whose settings are included; None: all. without: fields that get no word: a condition names the card itself.
    """
    return (choice.word for choice in _written(chosen, owners) if choice.word and choice.field not in without)
