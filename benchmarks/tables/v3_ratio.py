from benchmarks.tables.definition import Row, Table

PLACE = ("paper-a3", 3)
TABLE = Table(
    id="v3-ratio",
    title="CIFAR-100: forward to backward workers",
    source="arXiv:2410.05985v3 (summary), Mechanism 1 and Open Question 2",
    family="cifar100",
    networks=("resnet18",),
    rows=(
        *(Row("pdasgd", {"forward_workers": 1, "backward_workers": k}) for k in (1, 2, 3)),
        *(Row("async_lu", {"backward_workers": k}) for k in (1, 2, 3, 4)),
    ),
    measures=("seconds_per_epoch", "model_flops_utilisation_percent", "best_accuracy_percent"),
    notes=(
        "PD-ASGD here sends every layer's gradient to every other device: on paper-a's links its inbox fills, and "
        "staleness grows with it; the summary does not say what is exchanged (methods/pdasgd.py).",
        "PD-ASGD's workers share their device, whose capacity limits them; each backward worker of Async LU has a "
        "device of its own. The summary has no values.",
    ),
    card="paper-a3",
)
