"""`list` and `show`: what there is, and what `run` would do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

import methods
from benchmarks import assemble, hardware, plan
from benchmarks.data import cards
from benchmarks.hardware import Card
from benchmarks.plan import Choices, Run
from benchmarks.progress import duration
from benchmarks.progress import runs as many
from benchmarks.tables import IDS, MEASURES, Table, table
from benchmarks.workloads import NETWORKS, SCALES
from results import published, records
from results.published import Published

# Wall-clock seconds of one batch on one CPU core (AMD EPYC, 2026): rough, for the expected duration only.
ROUGH_BATCH_SECONDS = {
    "smoke": {"resnet18": 0.013, "resnet50": 0.018},
    "small": {"resnet18": 0.13, "resnet50": 0.5},
    "paper": {"resnet18": 2.4, "resnet50": 8.0},
}


def list_everything(plugins: Sequence[Path], console: Console) -> None:
    for plugin in plugins:
        methods.load_plugin(plugin)
    console.print("[bold]Tables[/] (python -m benchmarks run TABLE)")
    _columns(console, [(id, table(id).title, table(id).source) for id in IDS])
    console.print("[bold]Methods[/] (--method NAME, --set NAME.OPTION=VALUE)")
    classes = [methods.method_class(name) for name in methods.names()]
    _columns(console, [(cls.name, cls.title, cls.source) for cls in classes])
    console.print("[bold]Hardware cards[/] (--hardware NAME)")
    _columns(console, [(name, hardware.load(name).title, hardware.load(name).source) for name in hardware.names()])
    console.print("[bold]Data sets[/]")
    _columns(console, [(name, cards.card(name).title, cards.card(name).label) for name in cards.names()])
    console.print(
        f"[bold]Networks[/] {', '.join(NETWORKS)}   [bold]Scales[/] {', '.join(SCALES)}   "
        f"[bold]Executors[/] {', '.join(plan.EXECUTORS)}"
    )


def _columns(console: Console, lines: Sequence[tuple[str, ...]]) -> None:
    grid = Grid.grid(padding=(0, 2))
    for line in lines:
        grid.add_row("", *map(escape, line))
    console.print(grid)


def show_tables(tables: Sequence[Table], chosen: Choices, out: Path, jobs: int, console: Console) -> None:
    everything: list[Run] = []
    for one in tables:
        runs = plan.runs(one, chosen)
        everything += runs
        _show_table(one, chosen, runs, console)
    runs = plan.distinct(everything)
    missing = [run for run in runs if records.complete(out, run.id) is None]
    console.print(
        f"[bold]{many(len(runs))}[/], {len(runs) - len(missing)} of them done in {escape(str(out))}; {jobs} at a time. "
        f"Expected: {duration(_expected(missing, jobs))} of wall clock on a CPU core each, roughly.",
        highlight=False,
    )
    console.print(f"Clock: {assemble.clock(chosen)}", highlight=False, markup=False)


def _show_table(one: Table, chosen: Choices, runs: Sequence[Run], console: Console) -> None:
    console.print(f"[bold]{one.id}[/]: {escape(one.title)} ({one.source})", highlight=False)
    values = published.load(one.id)
    for network in plan.networks(one, chosen):
        mine = [run for run in runs if run.spec["workload"]["network"] == network]
        if mine:
            console.print(f"\n[bold]{network}[/]: {escape(str(mine[0].labels['network_label']))}", highlight=False)
            console.print(escape(_flat(mine[0].spec["workload"])), highlight=False, style="dim")
        grid = Grid("row", "options as resolved", *(f"published {MEASURES[m]}" for m in one.measures), box=None)
        for row in plan.rows(one, chosen):
            run = next(run for run in mine if run.labels["row"] == row.key)
            cells = [_value(values.get((network, row.key, measure))) for measure in one.measures]
            grid.add_row(escape(row.key), escape(_flat(run.spec["method"]["options"])), *cells)
        console.print(grid)
    console.print()


def _value(value: Published | None) -> str:
    if value is None:
        return "-"
    return f"{value.mean:g}" + (f" ± {value.std:g}" if value.std is not None else "")


def _flat(values: Any, prefix: str = "") -> str:
    parts = []
    for key, value in values.items():
        parts.append(_flat(value, f"{prefix}{key}.") if isinstance(value, dict) else f"{prefix}{key}={value}")
    return ", ".join(parts)


def _expected(missing: Sequence[Run], jobs: int) -> float:
    """Wall-clock seconds, roughly."""
    total = 0.0
    for run in missing:
        work = run.spec["workload"]
        batches = work["epochs"] * work["train_samples"] / work["batch"]
        total += batches * ROUGH_BATCH_SECONDS[work["scale"]][work["network"]]
    return 6 + total / max(1, min(jobs, len(missing))) if missing else 0.0


def show_card(card: Card, console: Console) -> None:
    """What a card predicts for the paper's networks, beside what was published."""
    from benchmarks.predict import STEPS, residuals

    console.print(f"[bold]{escape(card.name)}[/]: {escape(card.title)}\nsource: {escape(card.source)}", highlight=False)
    for note in card.notes:
        console.print(note, highlight=False, markup=False)
    console.print(
        f"link {card.link.latency_seconds * 1e3:.3g} ms + bytes / {card.link.bytes_per_second / 1e9:.3g} GB/s; "
        f"update {card.update.latency_seconds * 1e3:.3g} ms + bytes / "
        f"{card.update.bytes_per_second / 1e9:.3g} GB/s; {card.flops_per_second / 1e12:.3g} TFLOP/s",
        highlight=False,
    )
    for name, known in card.networks.items():
        f = sum(known.forward_seconds)
        b = sum(known.backward_input_seconds) + sum(known.backward_weight_seconds)
        line = f"{name}: forward {f * 1e3:.3g} ms, backward {b * 1e3:.3g} ms ({known.what})"
        console.print(line, highlight=False, markup=False)
    if not card.name.startswith("paper-a"):
        return
    console.print(
        f"\n[bold]Simulated seconds per epoch[/] of {STEPS} batches of 128, against TTA / epochs as published "
        "(Tables 1 to 4, geometric mean), and speed-ups (Tables 7, 8)",
        highlight=False,
    )
    for line in residuals(card):
        console.print("  " + line, highlight=False)
