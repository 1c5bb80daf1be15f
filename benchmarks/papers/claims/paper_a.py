"""Claims of paper A: arXiv:2410.05985v1."""

from __future__ import annotations

import math

from benchmarks.papers.claims.quantities import Quantity
from benchmarks.papers.claims.rules import (
    Cell,
    Condition,
    Look,
    Outcome,
    best_of,
    compared,
    conditions,
    difference,
    missing,
    quotient,
    ratio,
    together,
)
from benchmarks.papers.claims.verdicts import Claim

SOURCE = "arXiv:2410.05985v1"
BEST, TTA = "best_accuracy_percent", "time_to_target_seconds"
NETWORKS = ("resnet18", "resnet50")
IMDB = ("table6", "lstm")
LU_AND_BU = ("async_lu", "async_bu")


def _places(*tables: str) -> list[tuple[str, str]]:
    return [(table, network) for table in tables for network in NETWORKS]


def _beside_bp(table: str, network: str) -> Condition:
    """Requires that Async LU's best accuracy is at most a point below backpropagation's."""
    return difference(table, network, "async_lu", "bp", BEST, low=-1.0, group=f"{table} {network}, accuracy")


def _lead(look: Look, table: str, network: str) -> Quantity | None:
    """Returns Async LU's best accuracy less Async BU's: in points, or in per cent of Async BU's above chance."""
    accuracies = look.rows(table, network, LU_AND_BU, BEST)
    if not accuracies:
        return None
    lu, bu = accuracies
    above = look.above_chance(Cell(table, network, "async_bu", BEST), bu) if look.shares else 100.0
    return lu.minus(bu).times(100 / above) if above else None


def _slowness(look: Look, table: str, network: str) -> Quantity | None:
    """Returns Async LU's time to the target over Async BU's."""
    times = look.rows(table, network, LU_AND_BU, TTA)
    return times[0].over(times[1]) if times else None


def _harder_task(look: Look) -> list[Outcome]:
    """Judges whether Async LU's lead in accuracy is larger on CIFAR-100 than on CIFAR-10."""
    points = []
    unit = "per cent of what is above chance" if look.shares else "points"
    for network in NETWORKS:
        ten, hundred = _lead(look, "table2", network), _lead(look, "table4", network)
        if ten is None or hundred is None:
            points.append(missing(network))
            continue
        rise = hundred.minus(ten)
        text = f"{network}, {unit}: LU - BU {hundred.value:+.2f} on CIFAR-100, {ten.value:+.2f} on CIFAR-10"
        points.append(Outcome.of(network, f"{text} (n = {rise.n})", rise, 0.0, math.inf, unit))
    return points


def _harder_task_in_time(look: Look) -> list[Outcome]:
    """Judges whether Async BU's lead in time to the target is larger on CIFAR-100 than on CIFAR-10."""
    points = []
    for network in NETWORKS:
        text = f"{network}: LU takes {{:.3g}}x of BU's time on CIFAR-100, {{:.3g}}x on CIFAR-10"
        ten, hundred = _slowness(look, "table1", network), _slowness(look, "table3", network)
        points.append(compared(f"{network} in time", text, hundred, ten, 1.0, math.inf))
    return points


def _beyond_the_stem(look: Look) -> list[Outcome]:
    """Judges whether more than half of LAP-SGD's and LPP-SGD's gap remains with the CIFAR stem."""
    points = []
    for data, table, method in (
        ("CIFAR-10", "audit-lap", "lapsgd"),
        ("CIFAR-100", "audit-stem", "lapsgd"),
        ("CIFAR-100", "audit-stem", "lppsgd"),
    ):
        group = f"{method} on {data}"
        accuracies = look.rows(table, "resnet18", ("async_lu", f"{method}@stem=imagenet", method), BEST)
        if not accuracies:
            points.append(missing(group, f"{table} resnet18 {method}"))
            continue
        lu, torchvision, cifar = accuracies
        gap, rest = lu.minus(torchvision), lu.minus(cifar)
        text = (
            f"{group}: {gap.value:+.2f} points behind Async LU with torchvision's stem, {rest.value:+.2f} with the "
            f"CIFAR stem (n = {rest.n})"
        )
        excess = lu.times(0.5).minus(cifar.minus(torchvision.times(0.5)))  # rest - gap / 2
        points.append(_of_a_gap(group, text, gap, excess))
    return points


def _behind_fresh_updates(look: Look) -> list[Outcome]:
    """Judges whether more than half of LAP-SGD's gap is to DDP, which makes as many updates on CIFAR-10, none stale."""
    rows = ("async_lu", "lapsgd@stem=imagenet", "lapsgd", "ddp")
    accuracies = look.rows("audit-lap", "resnet18", rows, BEST)
    if not accuracies:
        return [missing("fresh updates", "audit-lap resnet18 ddp")]
    lu, torchvision, cifar, ddp = accuracies
    gap, stale = lu.minus(torchvision), ddp.minus(cifar)
    text = (
        f"lapsgd on CIFAR-10: {stale.value:+.2f} of {gap.value:+.2f} points behind DDP, which makes as many updates, "
        f"none of them stale (n = {stale.n})"
    )
    return [_of_a_gap("fresh updates", text, gap, stale.minus(gap.times(0.5)))]


def _of_a_gap(group: str, text: str, gap: Quantity, excess: Quantity) -> Outcome:
    """Judges whether the excess is above 0, provided that there is a gap."""
    status = gap.within(0.0, math.inf)
    if status == "does not hold":
        why = "there is no gap to explain"
        return Outcome(group, f"{text}: no gap to explain", "not decided", n=gap.n, why=why)
    if status == "not decided":
        return Outcome.of(group, f"{text}: whether there is a gap is open", gap, 0.0, math.inf)
    return Outcome.of(group, text, excess, 0.0, math.inf)


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
        rule="quicker by the time to the target, as the section says of which converges the fastest; lower by the best "
        "accuracy",
    ),
    Claim(
        "a-harder-task",
        "This is particularly visible on CIFAR100, a harder task than CIFAR10",
        f"{SOURCE}, section 4.1, Figures 2 and 3; appendix A.1",
        ("table1", "table2", "table3", "table4"),
        together(_harder_task, _harder_task_in_time),
        rule="Async LU's lead over Async BU in best accuracy, and Async BU's in the time to the target, are larger on "
        "CIFAR-100: a difference in convergence speed and accuracy, as appendix A.1 says of it",
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
        f"{SOURCE}, abstract and section 6, Tables 1 and 3",
        ("table1", "table3"),
        quotient(_places("table1", "table3"), "lppsgd", "async_lu", TTA, low=0.9 * 2.97),
        rule="of Async LU, on one network and data set at least, 2.97x less a tenth or more",
        any_of=True,
    ),
    Claim(
        "a-lap-staleness",
        "The poor performance of both LAPSGD and LPPSGD can be explained by the influence of staleness",
        f"{SOURCE}, section 4.1",
        ("audit-lap", "audit-stem"),
        together(_beyond_the_stem, _behind_fresh_updates),
        rule="on both data sets more than half of their gap to Async LU remains once they have the CIFAR stem, too; "
        "on CIFAR-10 LAP-SGD is behind DDP, which makes as many updates from fresh weights, by more than half of it",
        remark="In the authors' code they have torchvision's 7x7 stem (docs/papers.md); staleness cannot explain what "
        "goes with it. Local steps and averages are between DDP and LAP-SGD, too. With one updater per device LPP-SGD "
        "is LAP-SGD.",
    ),
    Claim(
        "a-imagenet",
        "Async LU achieved 73% accuracy ×3 faster than Backpropagation on single GPU",
        f"{SOURCE}, section 4.1, Table 5",
        ("table5",),
        together(
            quotient([("table5", "resnet50")], "bp", "async_lu", TTA, low=0.9 * 3),
            conditions(_beside_bp("table5", "resnet50")),
        ),
        rule="times to the worse best accuracy of the two, at least 3x less a tenth, and Async LU's best at most a "
        "point below backpropagation's, so that the accuracy is the sentence's",
        remark="Three devices against one; the paper gives one run each, without a spread.",
    ),
    Claim(
        "a-like-bp",
        "comparable or better accuracy than synchronous backpropagation ... across multiple vision and language tasks",
        f"{SOURCE}, section 6",
        ("table2", "table4", "table5", "table6"),
        conditions(*(_beside_bp(*place) for place in (*_places("table2", "table4"), ("table5", "resnet50"), IMDB))),
        rule="Async LU's best accuracy at most a point below backpropagation's",
        remark="The paper prints backpropagation's accuracy on ImageNet alone.",
    ),
    Claim(
        "a-imdb-half",
        "performing layer-wise updates reduces the training time and number of steps to convergence almost by half",
        f"{SOURCE}, section 4.2, Table 6",
        ("table6",),
        together(
            *(
                conditions(ratio(*IMDB, *LU_AND_BU, measure, high=0.6, group=measure))
                for measure in ("epochs_to_best", "time_to_best_seconds")
            )
        ),
        rule="at most 0.6 of Async BU's epochs and seconds to the best accuracy",
    ),
    Claim(
        "a-imdb-same",
        "both Async LU and Async BU achieve the same accuracy",
        f"{SOURCE}, section 4.2, Table 6",
        ("table6",),
        conditions(difference(*IMDB, *LU_AND_BU, BEST, -1.0, 1.0)),
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
