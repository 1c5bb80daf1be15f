"""Claims of the summary of arXiv:2410.05985v3 (PD-ASGD), which states few numbers and hardly any setting."""

from __future__ import annotations

import math

from benchmarks.papers.claims.quantities import Quantity
from benchmarks.papers.claims.rules import (
    Condition,
    Look,
    Outcome,
    best_of,
    compared,
    conditions,
    difference,
    quotient,
    ratio,
    together,
)
from benchmarks.papers.claims.verdicts import Claim

SOURCE = "arXiv:2410.05985v3 (summary)"
MFU, EPOCH, BEST = "model_flops_utilisation_percent", "seconds_per_epoch", "best_accuracy_percent"
RESNET = "resnet18"
DELAYS = ("constant", "heavy_tailed", "bursts")
SPEED_OF_WHAT = "The summary does not say which time is meant: the time to the target is taken."
PD_1_1, PD_1_2 = (f"pdasgd@forward_workers=1,backward_workers={k}" for k in (1, 2))


def _epochs(method: str, few: int, many: int, low: float, high: float = math.inf) -> Condition:
    """Compares seconds per epoch with few backward workers to those with many, as a quotient."""
    forward = "forward_workers=1," if method == "pdasgd" else ""
    a, b = (f"{method}@{forward}backward_workers={k}" for k in (few, many))
    return ratio("v3-ratio", RESNET, a, b, EPOCH, low, high, group=f"{method} 1:{few} to 1:{many}")


def _slow_down(look: Look, method: str, delay: str) -> Quantity | None:
    """Returns seconds per epoch with the delay over those without."""
    seconds = look.rows("v3-stragglers", RESNET, (f"{method}@delay={delay}", method), EPOCH)
    return seconds[0].over(seconds[1]) if seconds else None


def _robust(look: Look) -> list[Outcome]:
    points = []
    for delay in DELAYS:
        pd, ddp = (_slow_down(look, method, delay) for method in ("pdasgd", "ddp"))
        text = f"{delay}: slowed down {{:.3g}}x against DDP's {{:.3g}}x"
        points.append(compared(delay, text, pd, ddp, -math.inf, 1.0))
    return points


CLAIMS = (
    Claim(
        "v3-mfu",
        "Highest model FLOPs utilization (53.8% vs 35.1% for DDP on ResNet-18)",
        f"{SOURCE}, Key Results",
        ("v3-mfu",),
        best_of([("v3-mfu", RESNET)], "pdasgd", ("ddp", "lppsgd"), MFU),
        rule="above every rival's; the two numbers depend on a device, peak and precision that are not stated",
    ),
    Claim(
        "v3-over-lppsgd",
        "2.14× speedup over LPPSGD on CIFAR-100 with ResNet-18",
        f"{SOURCE}, Key Results",
        ("v3-mfu",),
        quotient([("v3-mfu", RESNET)], "lppsgd", "pdasgd", "time_to_target_seconds", low=0.9 * 2.14),
        rule="at least 2.14x less a tenth",
        remark=SPEED_OF_WHAT,
    ),
    Claim(
        "v3-over-ddp",
        "1.34× over DDP on CIFAR-100 with ResNet-18",
        f"{SOURCE}, Key Results",
        ("v3-mfu",),
        quotient([("v3-mfu", RESNET)], "ddp", "pdasgd", "time_to_target_seconds", low=0.9 * 1.34),
        rule="at least 1.34x less a tenth",
        remark=SPEED_OF_WHAT,
    ),
    Claim(
        "v3-accuracy",
        "achieves state-of-the-art accuracy",
        f"{SOURCE}, Key outcome",
        ("v3-mfu",),
        conditions(
            *(
                difference("v3-mfu", RESNET, "pdasgd", rival, BEST, low=-1.0, group=f"against {rival}")
                for rival in ("ddp", "lppsgd")
            )
        ),
        rule="on CIFAR-100, the data of the whole sentence, best accuracy at most a point below DDP's and LPP-SGD's",
        remark="The Key Results name CIFAR-10 and IMDb as well, without a number or a setting: no table has them.",
    ),
    Claim(
        "v3-straggler-accuracy",
        "Maintains accuracy within 2.5% even under significant straggler delays",
        f"{SOURCE}, Key Results",
        ("v3-stragglers",),
        conditions(
            *(
                difference("v3-stragglers", RESNET, f"pdasgd@delay={delay}", "pdasgd", BEST, low=-2.5, group=delay)
                for delay in DELAYS
            )
        ),
        rule="at most 2.5 points below PD-ASGD without delays",
        remark="The delays are ours; the summary does not describe its own.",
    ),
    Claim(
        "v3-straggler-speed",
        "Our method is more robust to delays compared to DDP",
        f"{SOURCE}, Mechanism 3",
        ("v3-stragglers",),
        _robust,
        rule="delays lengthen an epoch by a smaller factor than DDP's",
    ),
    Claim(
        "v3-ratio",
        "a 1:2 ratio compensates for the 2× longer backward pass and increases hardware utilization",
        f"{SOURCE}, Mechanism 1",
        ("v3-ratio",),
        together(
            conditions(ratio("v3-ratio", RESNET, PD_1_2, PD_1_1, MFU, low=1.02, group="MFU")),
            conditions(_epochs("pdasgd", 2, 3, 0.0, 1.1)),
        ),
        rule="MFU rises by more than 2 % from 1:1 to 1:2, and 1:3 is at most 1.1x faster than 1:2",
        remark="PD-ASGD's workers share their device: what a second backward worker gains depends on the card's lanes.",
    ),
    Claim(
        "a-ratio",
        "the imbalance ... is taken care of by having twice as many backward threads than forward threads ... "
        "significantly speeding-up the training process",
        "arXiv:2410.05985v1, section 1",
        ("v3-ratio",),
        together(conditions(_epochs("async_lu", 1, 2, 1.1)), conditions(_epochs("async_lu", 2, 3, 0.0, 1.1))),
        rule="significantly: 1:2 more than 1.1x faster than 1:1; taken care of: 1:3 at most 1.1x faster than 1:2",
        remark="Each backward worker of Async LU has a device of its own: 1:2 takes three devices, 1:1 two.",
    ),
)
