"""Makes the hardware cards paper-a-ideal and paper-a from what paper A published.

    python tools/fit_paper_a.py

Table 9 gives the seconds of a whole forward and a whole backward pass; they are split over the layers by their FLOPs.
paper-a-ideal has free links and updates. paper-a has one link latency and one bandwidth, fitted (least squares of the
logarithms) to the seconds per epoch (TTA / epochs) of the Async LU and Async BU rows of Tables 1 to 4, and to nothing
else: LAP-SGD, LPP-SGD and DDP are held-out predictions, printed here with their residuals.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq, least_squares

from benchmarks.hardware.card import Card, Costs, NetworkSeconds
from benchmarks.hardware.cards import CARDS, write
from benchmarks.hardware.step_price import counted
from benchmarks.papers.fitted import PAPER_A, VERSION_3, predictions, published_epoch_seconds
from benchmarks.papers.predicted_seconds import STEPS, seconds_per_epoch
from benchmarks.workloads.build import network_of
from benchmarks.workloads.data.cards import card as data_card
from benchmarks.workloads.workload import workload
from results import published

TABLE_9_BATCH = 128
MFU = "model_flops_utilisation_percent"


def network_seconds(network: str) -> tuple[NetworkSeconds, float]:
    """Returns the card's entry, and the FLOP/s that the published seconds amount to."""
    work = workload("cifar100", network, "paper")
    data = data_card(work.dataset)
    layers = counted(work, data, network_of(work, data), TABLE_9_BATCH)
    table9 = published.load("table9")
    f, b = (table9[network, "bp", measure].mean for measure in ("forward_seconds", "backward_seconds"))
    flops = np.array([layer.forward_flops for layer in layers])
    inputs = flops * (np.arange(len(flops)) > 0)
    per_flop = b / (flops.sum() + inputs.sum())
    entry = NetworkSeconds(
        what=f"{network}, width 64, CIFAR stem, 3 x 32 x 32 images, batch {TABLE_9_BATCH}",
        batch=TABLE_9_BATCH,
        layers=tuple(layer.name for layer in layers),
        forward_seconds=tuple(float(x) for x in f * flops / flops.sum()),
        backward_input_seconds=tuple(float(x) for x in inputs * per_flop),
        backward_weight_seconds=tuple(float(x) for x in flops * per_flop),
        parameter_bytes=tuple(layer.parameter_bytes for layer in layers),
    )
    return entry, float(2 * flops.sum() + inputs.sum()) / (f + b)


def ideal_card() -> Card:
    """Returns the card paper-a-ideal, whose links and updates cost nothing."""
    seconds = {network: network_seconds(network) for network in ("resnet18", "resnet50")}
    return Card(
        name="paper-a-ideal",
        title="3 x NVIDIA A100 80GB PCIe of paper A, links and updates free",
        source="arXiv:2410.05985v1, Table 9 (totals), split over layers by FLOPs",
        flops_per_second=math.sqrt(math.prod(rate for _, rate in seconds.values())),
        networks={network: entry for network, (entry, _) in seconds.items()},
    )


def fitted_link(ideal: Card) -> Costs:
    """Fits latency and bandwidth to the published seconds per epoch of Async LU and BU."""
    targets = {key: values for key, values in published_epoch_seconds().items() if key[1] in PAPER_A.rows}

    def link(parameters: np.ndarray) -> Costs:
        return Costs(latency_seconds=math.exp(parameters[0]), bytes_per_second=math.exp(parameters[1]))

    def errors(parameters: np.ndarray) -> list[float]:
        card = ideal.model_copy(update={"link": link(parameters)})
        return [
            math.log(seconds_per_epoch(card, card.networks[network], row, simulated=60) / value)
            for (network, row), values in targets.items()
            for value in values
        ]

    return link(least_squares(errors, np.log([3e-4, 1e10])).x)


def main() -> None:
    """Fits and writes both cards, and prints what they predict."""
    ideal = ideal_card()
    card = ideal.model_copy(
        update={
            "name": "paper-a",
            "title": "3 x NVIDIA A100 80GB PCIe of paper A, links fitted to its Async LU and BU rows",
            "source": "arXiv:2410.05985v1, Table 9, and TTA / epochs of Async LU and BU in Tables 1 to 4",
            "notes": (
                "Fitted: one link latency, one link bandwidth. Updates on the device itself are free.",
                "LAP-SGD, LPP-SGD and DDP were not fitted: their seconds are held-out predictions.",
            ),
            "link": fitted_link(ideal),
        }
    )
    for fitted in (ideal, card):
        write(fitted, CARDS / f"{fitted.name}.toml", "Made by tools/fit_paper_a.py; do not edit by hand.")
    print(
        f"link: {card.link.latency_seconds * 1e3:.3f} ms, {card.link.bytes_per_second / 1e9:.2f} GB/s; "
        f"device: {card.flops_per_second / 1e12:.1f} TFLOP/s"
    )
    print(f"simulated seconds per epoch of {STEPS} batches, against TTA / epochs as published")
    heading, lines = predictions(card)
    print(heading, *lines, sep="\n")
    _version_3(card)


def _version_3(card: Card) -> None:
    """Prints paper-a3's lane capacity, fitted to PD-ASGD's published MFU; its lanes are PD-ASGD's workers."""
    values = published.load(*VERSION_3.tables)
    decoupled, sequential = VERSION_3.rows
    gain = values["resnet18", decoupled, MFU].mean / values["resnet18", sequential, MFU].mean

    def excess(capacity: float) -> float:
        trial = card.model_copy(update={"lanes": 3, "lane_capacity": capacity})
        entry = trial.networks["resnet18"]
        seconds = {row: seconds_per_epoch(trial, entry, row, simulated=60) for row in VERSION_3.rows}
        return seconds[sequential] / seconds[decoupled] - gain

    print(f"paper-a3: lane_capacity {brentq(excess, 1.0, 3.0, xtol=1e-4):.4f} for a gain of {gain:.3f} over DDP")


if __name__ == "__main__":
    main()
