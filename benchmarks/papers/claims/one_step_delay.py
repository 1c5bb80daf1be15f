"""Claims of arXiv:2606.30634 on what a delay of one step costs an optimizer."""

from __future__ import annotations

import math

from benchmarks.papers.claims.quantities import Outcome, Quantity, on_common_seeds
from benchmarks.papers.claims.rules import Cell, Look
from benchmarks.papers.claims.verdicts import Claim

SOURCE = "arXiv:2606.30634, abstract"
TABLE, NETWORK = "lm-optimizers", "gpt"
SCALE = "The paper trains 0.36 to 10 billion parameters in PipeDream-2BW; here one device applies gradients late."


def _losses(look: Look, optimizer: str) -> tuple[Quantity, Quantity] | None:
    """Best losses of an optimizer, with a delay of one step and without; None where one was not trained."""
    rows = (f"bp@delay=1,optimizer={optimizer}", f"bp@optimizer={optimizer}")
    late, plain = (look.read(Cell(TABLE, NETWORK, row, "best_loss")) for row in rows)
    return (late, plain) if late is not None and plain is not None else None


def _adamw_suffers(look: Look) -> list[Outcome]:
    losses = _losses(look, "adamw")
    if losses is None:
        return [Outcome("adamw", f"{TABLE} {NETWORK} adamw", "missing")]
    late, plain = on_common_seeds(*losses)
    rise = late.minus(plain)
    text = f"AdamW: {late.value:.3f} nats with a delay of one step, {plain.value:.3f} without (n = {rise.n})"
    return [Outcome.of("adamw", text, rise, 0.0, math.inf, unit="nats")]


def _muon_loses_less(look: Look) -> list[Outcome]:
    adamw, muon = (_losses(look, optimizer) for optimizer in ("adamw", "muon"))
    if adamw is None or muon is None:
        return [Outcome("muon", f"{TABLE} {NETWORK} muon", "missing")]
    late, plain, muon_late, muon_plain = on_common_seeds(*adamw, *muon)
    rise, muon_rise = late.minus(plain), muon_late.minus(muon_plain)
    text = f"a delay of one step costs AdamW {rise.value:+.3f} nats, Muon {muon_rise.value:+.3f} (n = {rise.n})"
    return [Outcome.of("muon", text, rise.minus(muon_rise), 0.0, math.inf, unit="nats")]


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
