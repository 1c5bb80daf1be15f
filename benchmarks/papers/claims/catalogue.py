"""The claims that the papers make in words, judged on the runs at hand: holds, does not hold, or not decided.

`CLAIMS` are data; `claim.evaluate(evidence)` gives a Verdict. The rule of decision stands in rules.py. No torch here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from benchmarks.errors import UserError
from benchmarks.papers.claims import laws, paper_a, paper_a3, paper_b
from benchmarks.papers.claims.rules import Evidence
from benchmarks.papers.claims.verdicts import Claim, Judged
from methods.errors import unknown

CLAIMS: tuple[Claim, ...] = (*paper_a.CLAIMS, *laws.CLAIMS, *paper_a3.CLAIMS, *paper_b.CLAIMS)


def needed(claims: Iterable[Claim] = CLAIMS) -> tuple[str, ...]:
    """The tables and analyses that the claims rest on, each once."""
    return tuple(dict.fromkeys(id for claim in claims for id in claim.needs))


def chosen(ids: Collection[str]) -> tuple[Claim, ...]:
    """The claims of these ids in their own order; all of them where none is named.

    Raises UserError for an unknown id, offering the nearest.
    """
    known = [claim.id for claim in CLAIMS]
    for id in ids:
        if id not in known:
            raise UserError(unknown("claim", id, known))
    return tuple(claim for claim in CLAIMS if not ids or claim.id in ids)


def judged(evidence: Evidence, claims: Iterable[Claim] = CLAIMS) -> Judged:
    """The claims, each with its verdict."""
    return [(claim, claim.evaluate(evidence)) for claim in claims]
