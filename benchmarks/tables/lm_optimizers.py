from benchmarks.tables.definition import Row, Table

PLACE = ("ours", 2)
DELAYS = (0, 1, 2, 4)
# Rates at delays of 0, 1, 2 and 4 steps, each the best of its neighbours of half and twice as much at scale small, on a
# seed of trials. SGD has no weight decay: it is coupled there, and 0.1 would shrink all weights to nothing.
OPTIMIZERS = {
    "sgd": ((0.3, 0.08, 0.01, 0.005), {"optimizer.weight_decay": 0.0}),
    "adamw": ((0.008, 0.004, 0.002, 0.0005), {}),
    "muon": ((0.016, 0.008, 0.004, 0.008), {"optimizer.momentum": 0.95, "optimizer.nesterov": True}),
}


def _row(name: str, delay: int, rate: float, settings: dict[str, float]) -> Row:
    rates = {"schedule.lr": rate, "schedule.floor": float(f"{rate / 10:.6g}")}
    return Row("bp", {"delay": delay} if delay else {}, workload={"optimizer.name": name, **rates, **settings})


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
    notes=(
        "A gradient is applied so many steps after it was computed; all else is one training on one device.",
        "Each row has the learning rate that was its best at scale small among rates a factor of two apart, on a seed "
        "that no table uses; Muon has its authors' momentum of 0.95 and Nesterov's step.",
    ),
    card="paper-a-ideal",
    picture="curves",
)
