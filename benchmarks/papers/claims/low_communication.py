"""Claims of papers on methods that communicate little, as the tables `lowcomm` and `lowcomm-unlike` can judge them.

Their speed-ups are left out: seconds there are those of links that were made up. Where a paper claims to lose nothing,
0.02 nats, a perplexity higher by 2 %, are allowed.
"""

from __future__ import annotations

import math

from benchmarks.papers.claims.rules import Condition, conditions, difference, together
from benchmarks.papers.claims.verdicts import Claim

ALIKE, UNLIKE, NETWORK = "lowcomm", "lowcomm-unlike", "gpt"
ALLOWED = 0.02
"""Nats by which a loss may be higher and still be said to match another."""
DILOCO = "diloco@period=21"
STREAMING = f"{DILOCO},fragments=3,delay=1,alpha=0.5"
NAIVE = "async_localsgd@period=21"
DELAYED = f"{NAIVE},dylu=True,outer.name=delayed_nesterov,outer.lr=0.35"
SCALE = (
    "The papers train models of up to billions of parameters; here a GPT of width 64 makes 504 steps on each of four "
    "devices, each method at the best of a few rates."
)


def _nats(
    table: str, a: str, b: str, measure: str = "best_loss", low: float = -math.inf, high: float = math.inf
) -> Condition:
    """Requires bounds of row a's loss minus row b's."""
    return difference(table, NETWORK, a, b, measure, low, high, unit="nats")


CLAIMS = (
    Claim(
        "diloco-synchronous",
        "DiLoCo on 8 workers performs as well as fully synchronous optimization",
        "arXiv:2311.08105, abstract",
        (ALIKE,),
        conditions(_nats(ALIKE, DILOCO, "ddp", high=ALLOWED)),
        rule=f"at equal samples DiLoCo's best loss is at most {ALLOWED} nats above DDP's",
        remark=f"From random weights and every 21 steps; the paper goes on from a trained model, every 500. {SCALE}",
    ),
    Claim(
        "diloco-streaming",
        "reach similar quality as before",
        "arXiv:2501.18512, abstract",
        (ALIKE,),
        conditions(_nats(ALIKE, STREAMING, DILOCO, high=ALLOWED)),
        rule=f"at equal samples Streaming DiLoCo's best loss is at most {ALLOWED} nats above that of DiLoCo, which "
        "it improves",
        remark=f"Messages keep their 32 bits, where the paper sends four. {SCALE}",
    ),
    Claim(
        "noloco-faster",
        "Compared to DiLoCo, we also observe up to 4% faster convergence rate",
        "arXiv:2506.10911, abstract",
        (ALIKE,),
        conditions(_nats(ALIKE, "noloco@period=21", DILOCO, high=0.0)),
        rule="at equal samples NoLoCo's best loss is below DiLoCo's",
        remark=f"On one network and number of devices, where the paper's most is over many. {SCALE}",
    ),
    Claim(
        "async-local-naive",
        "with naive implementations, asynchronous Local-SGD takes more iterations to converge than its synchronous "
        "counterpart",
        "arXiv:2401.09135, abstract",
        (UNLIKE,),
        conditions(_nats(UNLIKE, NAIVE, DILOCO, low=0.0)),
        rule="on devices of unlike speed, at equal samples, the best loss is above DiLoCo's if the server takes a step "
        "with Nesterov's momentum for each pseudo-gradient, and tasks are of one length",
        remark=SCALE,
    ),
    Claim(
        "async-local",
        "matches the performance of synchronous Local-SGD in terms of perplexity per update step, and significantly "
        "surpasses it in terms of wall clock time",
        "arXiv:2401.09135, abstract",
        (UNLIKE,),
        together(
            conditions(_nats(UNLIKE, DELAYED, DILOCO, high=ALLOWED)),
            conditions(_nats(UNLIKE, DELAYED, DILOCO, "at_equal_seconds", high=0.0)),
        ),
        rule=f"with delayed Nesterov and tasks as long as devices are fast, the best loss at equal samples is at most "
        f"{ALLOWED} nats above DiLoCo's, and the loss at equal simulated seconds below it",
        remark=f"The devices are the paper's own, as its notebook has them; the links were made up. {SCALE}",
    ),
    Claim(
        "layup-accuracy",
        "a novel practical, straggler-robust alternative for distributed training without sacrificing accuracy",
        "arXiv:2410.05985v4, abstract",
        (ALIKE, "lowcomm-images"),
        conditions(
            _nats(ALIKE, "layup", "ddp", high=ALLOWED),
            difference("lowcomm-images", "resnet20", "layup", "ddp", "best_accuracy_percent", low=-1.0),
        ),
        rule=f"at equal samples LayUp's best loss is at most {ALLOWED} nats above DDP's, its best accuracy at most a "
        "point below it",
        remark=SCALE,
    ),
)
