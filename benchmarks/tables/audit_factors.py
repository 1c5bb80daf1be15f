from benchmarks.tables.definition import Row, Table
from benchmarks.tables.shared import BASELINE

# Times 3 and times 10 of the rate of scale small (0.05), with its warm-up: what three devices' updates would want by
# the linear rule, and what keeps a step's size in the long run where there is no momentum of 0.9.
RATE = {"schedule.lr": 0.15, "schedule.warm_up_lr": 0.06}
NO_MOMENTUM = {"optimizer.momentum": 0.0, "schedule.lr": 0.5, "schedule.warm_up_lr": 0.2}
LATE = {"delay": 1}


def _triple(method: str, batch: int | None = None) -> Row:
    return Row(method, batch=batch, workload=RATE, named=("schedule.lr",))


def _plain(method: str, **options: int) -> Row:
    return Row(method, options, workload=NO_MOMENTUM, named=("optimizer.momentum",))


PLACE = ("audits", 6)
TABLE = Table(
    id="audit-factors",
    title="CIFAR-10: Async LU's and DDP's deficits taken apart: number of updates, rate, staleness, momentum",
    source="this suite; arXiv:2410.05985v1, Tables 1, 2 and 7",
    family="cifar10",
    networks=("resnet18",),
    rows=(
        BASELINE,
        Row("bp", batch=384, note="DDP's number of updates, on one device and with whole batches' BatchNorm"),
        _triple("bp"),
        _triple("bp", batch=384),
        Row("bp", LATE, note="every gradient is applied one update after it was computed"),
        _plain("bp"),
        _plain("bp", **LATE),
        Row("async_lu"),
        Row("async_lu", {"weights": "forward"}, note="the backward pass with the weights of its forward pass"),
        _triple("async_lu"),
        _plain("async_lu"),
        Row("ddp"),
        Row("ddp", {"learning_rate": "linear"}),
    ),
    measures=("best_accuracy_percent", "epochs_to_best", "staleness_updates"),
    notes=(
        "Each row differs from another one in a single factor: three times the batch (a third of the updates), three "
        "times the rate, a delay, or no momentum. Rates are those of scale small, times 3 and times 10.",
        "Without momentum the rate is ten times as high, so that a gradient moves the weights as far in the long run.",
    ),
)
