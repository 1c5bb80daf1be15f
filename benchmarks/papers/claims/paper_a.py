"""Paper A's claims: arXiv:2410.05985v1."""

from __future__ import annotations

import math

from benchmarks.papers.claims.conditions import Condition, best_of, conditions, quotient, together
from benchmarks.papers.claims.quantities import Outcome, Quantity, on_common_seeds
from benchmarks.papers.claims.rules import Cell, Look
from benchmarks.papers.claims.verdicts import Claim

SOURCE = "arXiv:2410.05985v1"
BEST, TTA = "best_accuracy_percent", "time_to_target_seconds"
NETWORKS = ("resnet18", "resnet50")


def _places(*tables: str) -> list[tuple[str, str]]:
    return [(table, network) for table in tables for network in NETWORKS]


def _lstm(measure: str, how: str, low: float, high: float) -> Condition:
    """Async LU against Async BU on IMDb."""
    a, b = (Cell("table6", "lstm", row, measure) for row in ("async_lu", "async_bu"))
    return Condition(measure, a, b, "quotient" if how == "quotient" else "difference", low, high)


def _gap(look: Look, table: str, network: str) -> Quantity | None:
    """Best accuracy of Async LU less that of Async BU, in points."""
    lu, bu = (look.read(Cell(table, network, row, BEST)) for row in ("async_lu", "async_bu"))
    if lu is None or bu is None:
        return None
    lu, bu = on_common_seeds(lu, bu)
    return lu.minus(bu)


def _harder_task(look: Look) -> list[Outcome]:
    points = []
    for network in NETWORKS:
        ten, hundred = _gap(look, "table2", network), _gap(look, "table4", network)
        if ten is None or hundred is None:
            points.append(Outcome(network, network, "missing"))
            continue
        found = hundred.minus(ten)
        text = f"{network}: LU - BU {hundred.value:+.2f} on CIFAR-100, {ten.value:+.2f} on CIFAR-10 (n = {found.n})"
        points.append(Outcome.of(network, text, found, 0.0, math.inf))
    return points


def _staleness_explains(look: Look) -> list[Outcome]:
    """Of the gap of LAP-SGD and LPP-SGD with torchvision's stem, more than half remains with the CIFAR stem."""
    points = []
    for method in ("lapsgd", "lppsgd"):
        rows = ("async_lu", f"{method}@stem=imagenet", method)
        lu, theirs, ours = (look.read(Cell("audit-stem", "resnet18", row, BEST)) for row in rows)
        if lu is None or theirs is None or ours is None:
            points.append(Outcome(method, method, "missing"))
            continue
        lu, theirs, ours = on_common_seeds(lu, theirs, ours)
        gap, rest = lu.minus(theirs), lu.minus(ours)
        text = f"{method}: {gap.value:+.2f} points behind Async LU with torchvision's stem, {rest.value:+.2f} with the "
        text += f"CIFAR stem (n = {rest.n})"
        whether = gap.within(0.0, math.inf)
        if whether == "does not hold":
            why = "there is no gap to explain"
            points.append(Outcome(method, f"{text}: no gap to explain", "not decided", n=rest.n, why=why))
            continue
        if whether == "not decided":
            points.append(Outcome.of(method, f"{text}: whether there is a gap is open", gap, 0.0, math.inf))
            continue
        found = lu.times(0.5).minus(ours.minus(theirs.times(0.5)))  # rest - gap / 2
        points.append(Outcome.of(method, text, found, 0.0, math.inf))
    return points


CLAIMS = (
    Claim(
        "a-highest-accuracy",
        "Async LU achieves the highest accuracies",
        f"{SOURCE}, section 4.1, Tables 2 and 4",
        ("table2", "table4"),
        best_of(_places("table2", "table4"), "async_lu", ("async_bu", "lapsgd", "lppsgd"), BEST),
        remark="LAP-SGD's and LPP-SGD's published rows have another stem: the audit under the table.",
    ),
    Claim(
        "a-fastest-to-target",
        "Async BU converges the fastest in terms of time to reach the target accuracy",
        f"{SOURCE}, section 4.1, Tables 1 and 3",
        ("table1", "table3"),
        best_of(_places("table1", "table3"), "async_bu", ("async_lu", "lapsgd", "lppsgd"), TTA, lowest=True),
        remark="Table 3 prints Async LU ahead on ResNet-50: 622.7 s against 641.8 s.",
    ),
    Claim(
        "a-bu-faster-but-lower",
        "Although Async BU converges quicker than Async LU, it reaches lower accuracy",
        f"{SOURCE}, section 4.1",
        ("table1", "table2", "table3", "table4"),
        together(
            best_of(_places("table1", "table3"), "async_bu", ("async_lu",), TTA, lowest=True),
            best_of(_places("table2", "table4"), "async_bu", ("async_lu",), BEST, lowest=True),
        ),
    ),
    Claim(
        "a-harder-task",
        "This is particularly visible on CIFAR100, a harder task than CIFAR10",
        f"{SOURCE}, section 4.1, Figures 2 and 3",
        ("table2", "table4"),
        _harder_task,
        rule="Async LU's lead over Async BU in best accuracy is larger on CIFAR-100",
    ),
    Claim(
        "a-2.97-bu",
        "Async BU achieves a speed-up of up to 2.97× over LPPSGD on CIFAR100 (see Table 3)",
        f"{SOURCE}, section 4.1, Table 3",
        ("table3",),
        quotient(_places("table3"), "lppsgd", "async_bu", TTA, low=0.9 * 2.97),
        rule="on one network at least, 2.97x less a tenth or more",
        remark="The quotient 672.9 / 226.4 = 2.97 is Async LU's; Async BU's is 672.9 / 155.4 = 4.33.",
        any_of=True,
    ),
    Claim(
        "a-2.97-lu",
        "our approach ... running up to 2.97× faster than Hogwild! scaled on multiple devices (LPP-SGD)",
        f"{SOURCE}, abstract, Table 3",
        ("table3",),
        quotient(_places("table3"), "lppsgd", "async_lu", TTA, low=0.9 * 2.97),
        rule="of Async LU, on one network at least, 2.97x less a tenth or more",
        any_of=True,
    ),
    Claim(
        "a-lap-staleness",
        "The poor performance of both LAPSGD and LPPSGD can be explained by the influence of staleness",
        f"{SOURCE}, section 4.1",
        ("audit-stem",),
        _staleness_explains,
        rule="more than half of their gap to Async LU remains once they have the CIFAR stem, too",
        remark="In the authors' code they have torchvision's 7x7 stem (docs/papers.md); staleness cannot explain what "
        "goes with it.",
    ),
    Claim(
        "a-imagenet",
        "Async LU achieved 73% accuracy ×3 faster than Backpropagation on single GPU",
        f"{SOURCE}, section 4.1, Table 5",
        ("table5",),
        quotient([("table5", "resnet50")], "bp", "async_lu", "time_to_best_seconds", low=0.9 * 3, high=1.1 * 3),
        rule="times to the best accuracy, within a tenth of 3x",
        remark="Three devices against one; the paper gives one run each, without a spread.",
    ),
    Claim(
        "a-like-bp",
        "comparable or better accuracy than synchronous backpropagation",
        f"{SOURCE}, section 6",
        ("table2", "table4", "table5"),
        conditions(
            *(
                Condition(f"{t} {n}", Cell(t, n, "async_lu", BEST), Cell(t, n, "bp", BEST), "difference", low=-1.0)
                for t, n in (*_places("table2", "table4"), ("table5", "resnet50"))
            )
        ),
        rule="Async LU's best accuracy at most a point below backpropagation's",
        remark="The paper prints backpropagation's accuracy on ImageNet alone.",
    ),
    Claim(
        "a-imdb-half",
        "performing layer-wise updates reduces the training time and number of steps to convergence almost by half",
        f"{SOURCE}, section 4.2, Table 6",
        ("table6",),
        conditions(
            _lstm("epochs_to_best", "quotient", 0.0, 0.6),
            _lstm("time_to_best_seconds", "quotient", 0.0, 0.6),
        ),
        rule="at most 0.6 of Async BU's epochs and seconds to the best accuracy",
    ),
    Claim(
        "a-imdb-same",
        "both Async LU and Async BU achieve the same accuracy",
        f"{SOURCE}, section 4.2, Table 6",
        ("table6",),
        conditions(_lstm(BEST, "difference", -1.0, 1.0)),
        rule="within a point",
    ),
    Claim(
        "a-like-ddp",
        "Async LU achieves comparable relative speed-up over single GPU compared to DDP",
        f"{SOURCE}, appendix A.2, Tables 7 and 8",
        ("table7", "table8"),
        quotient(_places("table7", "table8"), "async_lu", "ddp", "relative_speedup", low=0.8, high=1.25),
        rule="between 0.8 and 1.25 of DDP's",
        remark="Each published speed-up is relative to its own framework's single-GPU run; ours share one baseline.",
    ),
    Claim(
        "a-backward-twice",
        "a single backward requires 2× of a single [forward] pass",
        f"{SOURCE}, appendix A.3, Table 9",
        ("table9",),
        conditions(
            *(
                Condition(
                    network,
                    Cell("table9", network, "bp", "backward_seconds"),
                    Cell("table9", network, "bp", "forward_seconds"),
                    "quotient",
                    low=1.8,
                    high=2.2,
                )
                for network in NETWORKS
            )
        ),
        rule="within a tenth of 2",
        remark="Real seconds of the machine at hand; the simulated clock is fitted to Table 9 and would prove nothing.",
    ),
)
