from benchmarks.tables.definition import Row, Table

PLACE = ("ours", 2)
DELAYS = (0, 1, 2, 4)
# Rates at delays of 0, 1, 2 and 4 steps. SGD's weight decay is coupled, so that 0.1 would shrink all weights to nothing.
OPTIMIZERS = {
    "sgd": ((0.3, 0.04, 0.02, 0.01), {"optimizer.weight_decay": 0.0}),
    "adamw": ((0.008, 0.004, 0.002, 0.001), {}),
    "muon": ((0.008, 0.008, 0.008, 0.008), {"optimizer.momentum": 0.95, "optimizer.nesterov": True}),
}


def _row(name: str, delay: int, rate: float, others: dict[str, float]) -> Row:
    rates = {"schedule.lr": rate, "schedule.floor": float(f"{rate / 10:.6g}")}
    return Row("bp", {"delay": delay} if delay else {}, workload={"optimizer.name": name, **rates, **others})


TABLE = Table(
    id="lm-optimizers",
    title="A character-level language model: what a delay of so many steps costs each optimizer",
    source="this suite; the question of arXiv:2606.30634",
    family="tinyshakespeare",
    networks=("gpt",),
    rows=tuple(
        _row(name, delay, rate, others)
        for name, (rates, others) in OPTIMIZERS.items()
        for delay, rate in zip(DELAYS, rates, strict=True)
    ),
    measures=("best_loss", "epochs_to_best", "staleness_updates"),
    notes=("A gradient is applied so many steps after it was computed; all else is one training on one device.",),
    card="paper-a-ideal",
    picture="curves",
)
