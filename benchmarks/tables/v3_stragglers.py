from dataclasses import replace

from benchmarks.hardware.delays import Delay
from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import RATE_NOTE

# Device 0 of three is slow: by one step's seconds a batch on average.
CONSTANT = (Delay(kind="constant", device=0, steps=1.0),)
HEAVY_TAILED = (Delay(kind="heavy_tailed", device=0, steps=1.0, alpha=1.5),)
BURSTS = (Delay(kind="bursts", device=0, steps=5.0, every=10, length=2),)

PLACE = ("paper-a3", 2)
TABLE = Table(
    id="v3-stragglers",
    title="CIFAR-100: accuracy and seconds per epoch when one device of three is slow",
    source="arXiv:2410.05985v3 (summary), Key Results and Mechanism 3",
    family="cifar100",
    networks=("resnet18",),
    rows=tuple(
        replace(row, delays=delays)
        for row in (Row("ddp"), Row("lapsgd"), Row("lapsgd", {"shares": "dynamic"}), Row("pdasgd"))
        for delays in ((), CONSTANT, HEAVY_TAILED, BURSTS)
    ),
    measures=("best_accuracy_percent", "seconds_per_epoch"),
    notes=(
        "Delays: constant, one step (forward and backward pass of a batch) before each batch of device 0; "
        "heavy-tailed, Pareto with tail index 1.5 and mean 1; bursts, 5 steps before 2 of every 10 batches. "
        "The summary does not say what its delays were. A card of your own can delay any device, also by a trace file.",
        "Shares: equal, every device has as many batches an epoch as the others (paper B's LAP-SGD), and all wait for "
        "the slow one at its end; dynamic, a batch goes to whoever asks for it (PD-ASGD here).",
        RATE_NOTE,
    ),
    card="paper-a3",
)
