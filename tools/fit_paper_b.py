"""Makes the hardware card paper-b from what paper B published.

    python tools/fit_paper_b.py

A step of MB-SGD takes a + c B seconds at a local batch of B; two rows of MB-SGD per network give both (Tables 1, 6, 9
and 10, T / (epochs x steps)). So a is the part of a step that does not depend on its batch: launches, communication,
its share of logging and evaluation. The seconds are split over passes and layers by their FLOPs; links are free: a has
them. How much concurrent updaters gain on a device, its capacity, comes from one row of LAP-SGD (Table 2, U = 4,
B = 128).
All other rows are printed here, each with whether it is held out or follows from the fit (benchmarks.papers.fitted).
"""

from __future__ import annotations

import math

from benchmarks.hardware.card import Card, NetworkSeconds
from benchmarks.hardware.cards import CARDS, write
from benchmarks.hardware.flops import step_flops
from benchmarks.hardware.step_price import counted
from benchmarks.papers.fitted import LAP_SGD, MB_SGD, Fit, predictions
from benchmarks.papers.predicted_seconds import training_seconds
from benchmarks.tables import registry as tables
from benchmarks.tables.definition import Row, Table
from benchmarks.workloads.build import network_of
from benchmarks.workloads.data.cards import card as data_card
from benchmarks.workloads.workload import Workload, workload
from results import published


def step_seconds(work: Workload, table: Table, row: Row) -> float:
    """Returns the published training seconds over the number of steps of one device."""
    samples = work.train_samples or data_card(work.dataset).train_samples
    total = published.load(table.id)[work.network, row.key, "train_time_seconds"].mean
    steps = samples // (row.batch or work.batch) // int(table.options_of(row)["devices"])
    return total / (work.epochs * steps)


def network_seconds(fit: Fit) -> tuple[NetworkSeconds, float]:
    """Returns the card's entry, and the FLOP/s of the part of a step that grows with the batch."""
    table = tables.table(*fit.tables)
    work = workload(table.family, fit.networks[0], "paper")
    rows = {row.batch or work.batch: row for row in table.rows if row.key in fit.rows}
    small, large = sorted(rows)
    first, second = (step_seconds(work, table, rows[batch]) for batch in (small, large))
    per_sample = (second - first) / (large - small)
    data = data_card(work.dataset)
    layers = counted(work, data, network_of(work, data), work.batch)
    flops = [layer.forward_flops for layer in layers]
    whole = step_flops(layers)
    seconds = first + per_sample * (work.batch - small)
    forward = tuple(seconds * part / whole for part in flops)
    entry = NetworkSeconds(
        what=f"{work.label}, batch {work.batch}, RTX 2080 Ti",
        batch=work.batch,
        families=("imagenet",) if table.family == "imagenet" else ("cifar10", "cifar100"),
        stem=work.stem,
        fixed_share=(seconds - per_sample * work.batch) / seconds,
        layers=tuple(layer.name for layer in layers),
        forward_seconds=forward,
        backward_input_seconds=(0.0, *forward[1:]),
        backward_weight_seconds=forward,
        parameter_bytes=tuple(layer.parameter_bytes for layer in layers),
    )
    return entry, whole / (per_sample * work.batch)


def main() -> None:
    """Fits and writes the card, and prints what it predicts."""
    seconds = {fit.networks[0]: network_seconds(fit) for fit in MB_SGD}
    rates = [rate for _, rate in seconds.values()]
    without_capacity = Card(
        name="paper-b",
        title="NVIDIA RTX 2080 Ti of paper B, fitted to its MB-SGD rows",
        source="arXiv:2203.06638, Tables 1, 2, 6, 9 and 10",
        notes=(
            "Fitted: per network two MB-SGD rows; of LAP-SGD one row (Table 2, U = 4, B = 128), for the capacity.",
            "Links are free: communication is in what a step costs anyway. So seconds of MB-SGD on more devices, of "
            "PL-SGD, and of LAP-SGD with more updaters than saturate a device follow from the fit; other rows are "
            "predictions.",
        ),
        flops_per_second=math.exp(sum(map(math.log, rates)) / len(rates)),
        peak_flops_per_second=13.4e12,
        lanes=8,
        networks={network: entry for network, (entry, _) in seconds.items()},
    )
    lap = tables.table(*LAP_SGD.tables)
    row = next(row for row in lap.rows if row.key in LAP_SGD.rows)
    published_seconds = published.load(lap.id)[LAP_SGD.networks[0], row.key, "train_time_seconds"].mean
    card = without_capacity.model_copy(
        update={"lane_capacity": training_seconds(without_capacity, lap, row) / published_seconds}
    )
    write(card, CARDS / "paper-b.toml", "Made by tools/fit_paper_b.py; do not edit by hand.")
    for name, entry in card.networks.items():
        print(f"{name}: {entry.fixed_share:.0%} of a step of {entry.batch} whatever its batch")
    print(f"device: {card.flops_per_second / 1e12:.2f} TFLOP/s, capacity {card.lane_capacity:.3f}")
    heading, lines = predictions(card)
    print(heading, *lines, sep="\n")


if __name__ == "__main__":
    main()
