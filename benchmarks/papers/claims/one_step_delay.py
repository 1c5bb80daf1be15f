"""Claims of arXiv:2606.30634 about the cost of a delay of one step for an optimizer."""

from __future__ import annotations

import math

from benchmarks.papers.claims.rules import Look, Outcome, missing
from benchmarks.papers.claims.verdicts import Claim

SOURCE = "arXiv:2606.30634, abstract"
TABLE, NETWORK = "lm-optimizers", "gpt"
SCALE = "The paper trains 0.36 to 10 billion parameters in PipeDream-2BW; here one device applies gradients late."


def _rows(optimizer: str) -> tuple[str, str]:
    """Keys of the rows with a delay of one step and without."""
    return f"bp@delay=1,optimizer={optimizer}", f"bp@optimizer={optimizer}"


def _adamw_suffers(look: Look) -> list[Outcome]:
    losses = look.rows(TABLE, NETWORK, _rows("adamw"), "best_loss")
    if not losses:
        return [missing("adamw", f"{TABLE} {NETWORK} adamw")]
    late, plain = losses
    rise = late.minus(plain)
    text = f"AdamW: {late.value:.3f} nats with a delay of one step, {plain.value:.3f} without (n = {rise.n})"
    return [Outcome.of("adamw", text, rise, 0.0, math.inf, "nats")]


def _muon_loses_less(look: Look) -> list[Outcome]:
    losses = look.rows(TABLE, NETWORK, (*_rows("adamw"), *_rows("muon")), "best_loss")
    if not losses:
        return [missing("muon", f"{TABLE} {NETWORK} muon")]
    late, plain, muon_late, muon_plain = losses
    rise, muon_rise = late.minus(plain), muon_late.minus(muon_plain)
    text = f"a delay of one step costs AdamW {rise.value:+.3f} nats, Muon {muon_rise.value:+.3f} (n = {rise.n})"
    return [Outcome.of("muon", text, rise.minus(muon_rise), 0.0, math.inf, "nats")]


CLAIMS = (
    Claim(
        "delay-adamw",
        "under one-step delay ... AdamW ... indeed suffers from severe degradation",
        SOURCE,
        (TABLE,),
        _adamw_suffers,
        rule="AdamW's best loss is greater with the delay, each at its own rate; how much is severe is left open",
        remark=SCALE,
    ),
    Claim(
        "delay-muon",
        "recent methods like Muon exhibit strong robustness under a one-step delay",
        SOURCE,
        (TABLE,),
        _muon_loses_less,
        rule="the delay raises Muon's best loss by less than AdamW's, each at its own rate",
        remark=SCALE,
    ),
)
