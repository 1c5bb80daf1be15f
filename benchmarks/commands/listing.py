"""`list`, and `show` of a group or of a hardware card."""

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
from benchmarks.hardware.card import Card
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


def show_card(card: Card, console: Console) -> None:
    """Prints what a card predicts for the paper's networks, beside what was published."""
    from benchmarks.papers.fitted import predictions

    console.print(f"[bold]{escape(card.name)}[/]: {escape(card.title)}\nsource: {escape(card.source)}", highlight=False)
    for words in card.remarks:
        console.print(words, highlight=False, markup=False)
    console.print(
        f"link {card.link.latency_seconds * 1e3:.3g} ms + bytes / {card.link.bytes_per_second / 1e9:.3g} GB/s; "
        f"update {card.update.latency_seconds * 1e3:.3g} ms + bytes / "
        f"{card.update.bytes_per_second / 1e9:.3g} GB/s; {card.flops_per_second / 1e12:.3g} TFLOP/s; "
        f"{card.lanes} lanes, capacity {card.lane_capacity:.3g}",
        highlight=False,
    )
    if (unlike := card.devices) is not None:
        unit = "times the card's own seconds" if unlike.step_seconds is None else f"x {unlike.step_seconds:g} s a step"
        noise = f"; noise: half-normal, {100 * unlike.noise:g} % of a step" if unlike.noise else ""
        factors = ", ".join(f"{factor:.4g}" for factor in unlike.factors)
        console.print(f"devices: {factors} {unit}{noise}", highlight=False)
    for delay in card.delays:
        console.print(f"straggler: {delay.label}", highlight=False, markup=False)
    for absence in card.absent:
        console.print(f"absent: {absence.label} (not in what is predicted)", highlight=False, markup=False)
    if (nodes := card.nodes) is not None:
        for number, row in enumerate(nodes.bytes_per_second):
            rates = ", ".join(f"{rate / 1e9:.4g}" for rate in row)
            console.print(f"node {number} ({nodes.devices} devices): {rates} GB/s to each node", highlight=False)
    for name, seconds in card.networks.items():
        f = sum(seconds.forward_seconds)
        b = sum(seconds.backward_input_seconds) + sum(seconds.backward_weight_seconds)
        line = f"{name}: forward {f * 1e3:.3g} ms, backward {b * 1e3:.3g} ms ({seconds.what})"
        console.print(line, highlight=False, markup=False)
    title, lines = predictions(card)
    if title:
        console.print(f"\n[bold]{escape(title)}[/]", highlight=False)
    for line in lines:
        console.print("  " + line, highlight=False, markup=False)
