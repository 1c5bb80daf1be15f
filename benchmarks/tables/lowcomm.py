from typing import Any

from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import ONE_OPTIMIZER

PLACE = ("ours", 6)
PERIOD = 21
"""Local steps between two exchanges: a third of a device's epoch at scale small."""
STREAMING: dict[str, Any] = {"fragments": 3, "delay": 1, "alpha": 0.5}
DELAYED: dict[str, Any] = {"outer.name": "delayed_nesterov", "outer.lr": 0.7}


def tuned_row(rate: float, method: str, note: str = "", **options: Any) -> Row:
    """Returns a row at a learning rate of its own, which falls to a tenth."""
    rates = {"schedule.lr": rate, "schedule.floor": float(f"{rate / 10:.6g}")}
    return Row(method, options, note=note, workload=rates)


# Rates, tried at scale small on devices alike on seeds of trials: each is the best of three to five, a worse one on
# either side of it; of Async Local-SGD's .002 to .016 none is told apart from the others.
ROWS = (
    tuned_row(0.008, "bp", "one device: the first of them"),
    tuned_row(0.016, "ddp"),
    tuned_row(0.016, "lsgd", period=PERIOD, learning_rate="published"),
    tuned_row(0.004, "diloco", period=PERIOD),
    tuned_row(0.008, "diloco", "Streaming DiLoCo", period=PERIOD, **STREAMING),
    tuned_row(0.008, "async_localsgd", period=PERIOD, **DELAYED),
    tuned_row(0.008, "async_localsgd", "a new inner optimizer for each task", period=PERIOD, inner="new", **DELAYED),
    tuned_row(0.016, "lapsgd", period=PERIOD),
    tuned_row(0.016, "layup"),
    tuned_row(0.008, "noloco", period=PERIOD),
    tuned_row(0.016, "sgp"),
    tuned_row(0.008, "easgd", period=PERIOD),
    tuned_row(0.016, "easgd", "four local steps between two exchanges", period=4),
)
NOTES = (
    "A step takes a second or so on each device, an all-reduce of all weights one second more, which DDP hides behind "
    "its backward passes in part. DiLoCo and its kin exchange weights every 21 local steps.",
    "Megabytes are those of GPT at its full width, by which simulated seconds are charged as well. All rows have as "
    "many samples; at equal seconds or bytes is what each had reached when the first of them had used up its own.",
    "Each row has the best of three to five learning rates a factor of two apart, tried at scale small on devices that "
    "are alike, on seeds that no table uses: one seed for most, three where two rates were within 0.05 nats, so that a "
    "neighbour may be as good. LAP-SGD at 0.032 is ahead by 0.01 nats on two seeds and behind by 0.3 on the third; "
    "Async Local-SGD's 0.002 to 0.016 are not told apart. Outer optimizers are Nesterov's at 0.7 and 0.9; with it at "
    "0.07 or 0.2, and not delayed, Async Local-SGD is worse.",
    "LAP-SGD averages after every update in the first half of its epochs, and every 21 updates in the second.",
    ONE_OPTIMIZER,
)
MEASURES = (
    "best_loss",
    "at_equal_seconds",
    "at_equal_bytes",
    "time_to_target_seconds",
    "megabytes_to_target",
    "sent_megabytes",
    "staleness_updates",
)

TABLE = Table(
    id="lowcomm",
    title="A character-level language model on four devices and slow links: methods that communicate little",
    source="this suite; the methods of arXiv:2311.08105, 2401.09135, 1811.10792, 1412.6651 and others",
    family="tinyshakespeare",
    networks=("gpt",),
    devices=4,
    rows=ROWS,
    measures=MEASURES,
    notes=NOTES,
    card="lowcomm-4",
    picture="budgets",
)
