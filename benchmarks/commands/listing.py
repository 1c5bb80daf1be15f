"""`list`, and `show` of a group: prints what there is, by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

import methods
from benchmarks.commands.option_list import method_options
from benchmarks.executors import registry as executors
from benchmarks.experiments import GROUPS, IDS, Experiment, experiment
from benchmarks.hardware import cards as hardware
from benchmarks.tables.definition import Table
from benchmarks.workloads.data import cards
from benchmarks.workloads.networks.names import NETWORKS
from benchmarks.workloads.workload import SCALES


def list_everything(plugins: Sequence[Path], console: Console) -> None:
    for plugin in plugins:
        methods.load_plugin(plugin)
    list_experiments(IDS, console)
    console.print("[bold]Methods[/] (--method NAME, --set NAME.OPTION=VALUE)")
    classes = [methods.method_class(name) for name in methods.names()]
    _columns(console, [(cls.name, cls.title, cls.source) for cls in classes])
    console.print("[bold]Options of methods[/] (show METHOD: with their values): default, what it is, whose")
    _columns(console, list(method_options(methods.names())))
    console.print("Of what rows share (--set workload.FIELD=VALUE): show workload")
    console.print("[bold]Hardware cards[/] (--hardware NAME)")
    _columns(console, [(name, hardware.load(name).title, hardware.load(name).source) for name in hardware.names()])
    console.print("[bold]Data sets[/]")
    data_cards = map(cards.card, cards.names())
    data_sets = [
        (data_card.name, data_card.title, f"also: {data_card.tree.label}" if data_card.tree else data_card.label)
        for data_card in data_cards
    ]
    _columns(console, data_sets)
    console.print(
        f"[bold]Networks[/] {', '.join(NETWORKS)}   [bold]Scales[/] {', '.join(SCALES)}   "
        f"[bold]Executors[/] {', '.join(executors.names())}"
    )


def list_experiments(ids: Sequence[str], console: Console) -> None:
    """Prints each id with its title, its source and its scales."""
    console.print(f"[bold]Tables, figures and analyses[/] (python -m benchmarks run ID; {', '.join(GROUPS)}: many)")
    experiments = [experiment(id) for id in ids]
    _columns(console, [(item.id, item.title, item.source, scales(item)) for item in experiments])


def scales(item: Experiment) -> str:
    return ", ".join(SCALES) if isinstance(item, Table) or item.scaled else "no scale: simulated"


def _columns(console: Console, lines: Sequence[tuple[str, ...]]) -> None:
    grid = Grid.grid(padding=(0, 2))
    for line in lines:
        grid.add_row("", *map(escape, line))
    console.print(grid)
