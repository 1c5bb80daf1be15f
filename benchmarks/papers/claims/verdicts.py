"""A claim, and what becomes of it on the evidence."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from benchmarks.papers.claims.needed import DECIDED, Need, fitted_parts, need
from benchmarks.papers.claims.quantities import Outcome, Status, alone_level
from benchmarks.papers.claims.rules import Evidence, Look, Points, as_published, measured

Decision = Literal["holds", "does not hold", "not decided", "not decided (fitted)"]
"""Verdict on a claim."""
DECISIONS: dict[Decision, str] = {
    "holds": "hold",
    "does not hold": "do not hold",
    "not decided": "are not decided",
    "not decided (fitted)": "are not decided (fitted)",
}
"""All of them, as said of one claim and of many."""
DECIDED_AS = ("holds", "does not hold")
_RANK = {"does not hold": 0, "not decided": 1, "missing": 2, "holds": 3}


@dataclass(frozen=True)
class Grounds:
    """The comparison that a verdict stands on: of those that decide it, the one that does so least clearly.

    text: what was compared, with its numbers. value and its 95 % interval, whose ends are infinite where they are not
    known, in `unit`; None of a law, whose text says all. claimed: where the claim says that it lies.
    """

    text: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    unit: str = ""
    claimed: str = ""

    @classmethod
    def of(cls, point: Outcome) -> Grounds:
        if (quantity := point.found) is None:
            return cls(point.text, n=point.n)
        return cls(point.text, quantity.value, *quantity.bounds(), quantity.n, point.unit, _claimed(point))

    @property
    def said(self) -> str:
        """'+1 points [0.52, 1.48], n = 3, claimed above 0', 'at least 3× [2.6, ∞), n = 3, ...'; of a law its text."""
        if self.value is None or self.low is None or self.high is None:
            return self.text
        value = f"{self.value:.3g}×" if self.unit == "×" else f"{self.value:+.3g} {self.unit}".rstrip()
        above, below = math.isinf(self.high), math.isinf(self.low)
        bound = "at least " if above and not below else "at most " if below and not above else ""
        ends = f"{'(−∞' if below else f'[{self.low:.3g}'}, {'∞)' if above else f'{self.high:.3g}]'}"
        interval = "" if above and below else ", exactly" if self.low == self.high else f" {ends}"
        runs = f", n = {self.n}" if self.n is not None else ""
        return f"{bound}{value}{interval}{runs}, claimed {self.claimed}"


def _claimed(point: Outcome) -> str:
    """'above 0', 'below 1', 'between -1 and 1'."""
    low = point.low if point.unit != "×" or point.low > 0 else -math.inf
    if math.isinf(low):
        return f"below {point.high:.3g}"
    return f"above {low:.3g}" if math.isinf(point.high) else f"between {low:.3g} and {point.high:.3g}"


@dataclass(frozen=True)
class Verdict:
    """effect: None where nothing was measured. need: what would decide it, where it is not decided."""

    status: Decision
    scale: str
    measured: str
    why: str
    effect: Grounds | None = None
    need: Need = DECIDED

    @property
    def label(self) -> str:
        """The status; anywhere but at the paper's scale with the scale, since it is not the paper's experiment."""
        return self.status if self.scale == "paper" else f"{self.status} at {self.scale}"


class Assessment(NamedTuple):
    """A claim's comparisons as somebody read them, the level of one that decides it alone, and what becomes of it."""

    points: Sequence[Outcome]
    level: float
    status: Decision


@dataclass(frozen=True)
class Claim:
    """A statement of a paper. needs: tables and analyses; rule: what its words are taken to mean.

    any_of: one condition that holds is enough ("up to"). remark: what one has to know beside the numbers.
    """

    id: str
    text: str
    source: str
    needs: tuple[str, ...]
    points: Points
    rule: str = ""
    remark: str = ""
    any_of: bool = False

    def evaluate(self, evidence: Evidence) -> Verdict:
        (points, level, status), twice = self._read(measured(evidence))
        parts = [_why(self, points, status), twice, self.rule and f"Taken as: {self.rule}.", self._paper(evidence)]
        texts = "; ".join(point.text for point in _shown([point for point in points if point.status != "missing"]))
        why = " ".join(part for part in [*parts, self.remark] if part)
        decided = status in DECIDED_AS
        needed = DECIDED if decided else need(points, self.needs, level, any_of=self.any_of)
        if not decided and needed == DECIDED:
            needed = Need("no number of seeds: points and shares come out otherwise")
        return Verdict(status, evidence.scale, texts or "-", why, self._effect(points, status), needed)

    def _effect(self, points: Sequence[Outcome], status: Decision) -> Grounds | None:
        there = [point for point in points if point.status != "missing"]
        same = [point for point in there if point.status == status and not point.fitted]
        if not there:
            return None
        best = self.any_of and status == "holds"
        return Grounds.of((max if best else min)(same or there, key=lambda point: point.margin))

    def _read(self, look: Look) -> tuple[Assessment, str]:
        """The claim as it is read, and why it is not decided where points and shares of them come out otherwise.

        It is read in points where that is undecided or both are alike, else as shares.
        """
        in_points, as_shares = (self._assess(replace(look, shares=shares)) for shares in (False, True))
        if in_points.status == as_shares.status:
            return in_points, ""
        texts = (
            f"In points it {_said(in_points.status)}, as a share of what is above chance it {_said(as_shares.status)}."
        )
        return (as_shares if in_points.status in DECIDED_AS else in_points)._replace(status="not decided"), texts

    def _assess(self, look: Look) -> Assessment:
        points, level = self.held(self.points(look))
        return Assessment(points, level, self.status(points))

    def held(self, points: Sequence[Outcome]) -> tuple[list[Outcome], float]:
        """Returns the comparisons and a stricter level, at which those are tested that could decide the claim alone."""
        level = alone_level(sum(not p.fitted and p.found is not None and bool(p.found.parts) for p in points))
        alone = "holds" if self.any_of else "does not hold"
        return [point.at(level) if point.status == alone else point for point in points], level

    def status(self, points: Sequence[Outcome]) -> Decision:
        """Status by the comparisons without fitted seconds; "fitted" where only others could decide it, or a part."""
        decision = self._of({point.status for point in points if not point.fitted})
        if decision == "holds" and fitted_parts(points):
            return "not decided (fitted)"
        decided = [point for point in points if point.status in DECIDED_AS]
        if decision == "not decided" and points and all(point.fitted for point in decided or points):
            return "not decided (fitted)"
        return decision

    def _of(self, seen: set[str]) -> Status:
        if self.any_of and "holds" in seen:
            return "holds"
        if not self.any_of and "does not hold" in seen:
            return "does not hold"
        if seen == {"holds"} or seen == {"does not hold"}:
            return "holds" if "holds" in seen else "does not hold"
        return "not decided"

    def _paper(self, evidence: Evidence) -> str:
        """Verdict of the same conditions on the paper's own figures, as a sentence."""
        look = as_published(evidence)
        there = replace(self, points=lambda look: [p for p in self.points(look) if p.status != "missing"])
        (points, _, status), _ = there._read(look)
        if not points:
            return ""
        those = sorted((p for p in _shown(points) if p.status == status), key=lambda point: point.margin)
        many = 1 if status == "holds" else 3
        shown = f" ({'; '.join(p.text for p in those[:many])})" if those else ""
        return f"On the paper's own figures it {_said(status)}{shown}."


def _said(status: Decision) -> str:
    return status if status in DECIDED_AS else f"is {status}"


def _shown(points: Sequence[Outcome]) -> list[Outcome]:
    """Returns the worst point of each group."""
    groups: dict[str, Outcome] = {}
    for point in points:
        kept = groups.get(point.group)
        if kept is None or (_RANK[point.status], point.margin) < (_RANK[kept.status], kept.margin):
            groups[point.group] = point
    return list(groups.values())


def _why(claim: Claim, points: Sequence[Outcome], status: Decision) -> str:
    there = [point for point in points if point.status != "missing"]
    if not there:
        return f"Not run: needs {', '.join(claim.needs)}."
    count = [p for p in points if not p.fitted]
    parts = [_counted(count)] if count else []
    if fixed := sum(point.fixed for point in points):
        parts.append(f"{fixed} of {len(points)} comparisons would come out so whatever the hardware card was fitted to")
    if fitted := len(points) - len(count) - fixed:
        parts.append(f"{fitted} of {len(points)} comparisons are of seconds that the hardware card was fitted to")
    if missing := [p for p in points if p.status == "missing"]:
        names = list(dict.fromkeys(point.text for point in missing))
        parts.append(f"not measured: {', '.join(names[:4])}{' and others' if len(names) > 4 else ''}")
    runs = [point.n for point in there if point.n is not None]
    reasons = list(dict.fromkeys(point.why for point in count if point.why))
    if status not in DECIDED_AS:
        parts += reasons
    elif runs and 1 < min(runs) <= 3:
        parts.append(f"n = {min(runs)} is weak evidence")
    return "; ".join(parts) + "."


def _counted(points: Sequence[Outcome]) -> str:
    """Counts the comparisons that hold, that do not, and that are open; where all are open, nothing is refuted."""
    of = Counter(point.status for point in points)
    many, against, left = len(points), of["does not hold"], of["not decided"] + of["missing"]
    if left == many:
        return f"none of {many} comparisons is decided" if many > 1 else "the one comparison is not decided"
    parts = [f"{of['holds']} of {many} comparisons hold"]
    parts += [f"{against} {'does' if against == 1 else 'do'} not"] if against else []
    parts += [f"{left} {'is' if left == 1 else 'are'} open"] if left else []
    return ", ".join(parts)


Judged = Sequence[tuple[Claim, Verdict]]
