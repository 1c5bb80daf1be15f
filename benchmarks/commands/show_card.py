"""`show` of a hardware card: prints its values, and what it predicts."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from benchmarks.hardware.card import Card


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
