"""Collects the papers' claims in words, to be judged by the runs at hand: holds, does not hold, or not decided.

`CLAIMS` are data; `claim.evaluate(evidence)` returns a Verdict. rules.py has the rule of decision. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.papers.claims import laws, low_communication, one_step_delay, paper_a, paper_a3, paper_b
from benchmarks.papers.claims.rules import Evidence
from benchmarks.papers.claims.verdicts import Claim, Judged

CLAIMS: tuple[Claim, ...] = (
    *paper_a.CLAIMS,
    *laws.CLAIMS,
    *paper_a3.CLAIMS,
    *paper_b.CLAIMS,
    *one_step_delay.CLAIMS,
    *low_communication.CLAIMS,
)


def judged(evidence: Evidence, claims: Iterable[Claim] = CLAIMS) -> Judged:
    """Returns the claims with their verdicts."""
    return [(claim, claim.evaluate(evidence)) for claim in claims]
