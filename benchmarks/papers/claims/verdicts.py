"""A claim, and its verdict on the evidence."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from benchmarks.papers.claims.needed import DECIDED, Need, fitted_parts, need
from benchmarks.papers.claims.quantities import alone_level
from benchmarks.papers.claims.rules import Evidence, Look, Outcome, Points, as_published, measured

Decision = Literal["holds", "does not hold", "not decided", "not decided (fitted)"]
"""Verdict on a claim."""
DECISIONS: dict[Decision, str] = {
    "holds": "hold",
    "does not hold": "do not hold",
    "not decided": "are not decided",
    "not decided (fitted)": "are not decided (fitted)",
}
"""Each decision, with its verb for several claims."""
DECIDED_AS = ("holds", "does not hold")
_RANK = {"does not hold": 0, "not decided": 1, "missing": 2, "holds": 3}
_MOST_NAMES = 4


@dataclass(frozen=True)
class Grounds:
    """The comparison on which a verdict is based: of those that decide it, the one closest to a bound.

    text: what was compared, with its numbers. value: with its 95 % interval, infinite where an end is unknown, in
    `unit`; None for a law, whose text is complete. claimed: where the claim places the value.
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
        if (quantity := point.quantity) is None:
            return cls(point.text, n=point.n)
        return cls(point.text, quantity.value, *quantity.bounds(), quantity.n, point.unit, _claimed(point))

    @property
    def description(self) -> str:
        """Returns '+1 points [0.52, 1.48], n = 3, claimed above 0' or 'at least 3× [2.6, ∞), n = 3, ...'.

        A law has its text instead.
        """
        if self.value is None or self.low is None or self.high is None:
            return self.text
        value = f"{self.value:.3g}×" if self.unit == "×" else f"{self.value:+.3g} {self.unit}".rstrip()
        no_low, no_high = math.isinf(self.low), math.isinf(self.high)
        bound = "at least " if no_high and not no_low else "at most " if no_low and not no_high else ""
        ends = f" {'(−∞' if no_low else f'[{self.low:.3g}'}, {'∞)' if no_high else f'{self.high:.3g}]'}"
        interval = "" if no_low and no_high else ", exactly" if self.low == self.high else ends
        runs = f", n = {self.n}" if self.n is not None else ""
        return f"{bound}{value}{interval}{runs}, claimed {self.claimed}"


def _claimed(point: Outcome) -> str:
    """Returns 'above 0', 'below 1' or 'between -1 and 1'."""
    if math.isinf(point.low) or (point.unit == "×" and point.low <= 0):
        return f"below {point.high:.3g}"
    return f"above {point.low:.3g}" if math.isinf(point.high) else f"between {point.low:.3g} and {point.high:.3g}"


@dataclass(frozen=True)
class Verdict:
    """Verdict on a claim. effect: None if nothing was measured. need: what would decide an undecided claim."""

    status: Decision
    scale: str
    measured: str
    why: str
    effect: Grounds | None = None
    need: Need = DECIDED

    @property
    def label(self) -> str:
        """The status, with the scale unless it is the paper's: other scales are not the paper's experiment."""
        return self.status if self.scale == "paper" else f"{self.status} at {self.scale}"


class Assessment(NamedTuple):
    """A claim's comparisons and the status that they give.

    level: of a comparison that decides the claim by itself. contradiction: how points of accuracy and shares of the
    accuracy above chance disagree; "" if they agree.
    """

    points: Sequence[Outcome]
    level: float
    status: Decision
    contradiction: str = ""


@dataclass(frozen=True)
class Claim:
    """A statement of a paper. needs: tables and analyses. rule: how its words are interpreted.

    any_of: whether one condition that holds is enough ("up to"). remark: facts that a reader needs beside the numbers.
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
        points, level, status, contradiction = self._assess(measured(evidence))
        present = [point for point in points if point.status != "missing"]
        reason = _why(present, points, status) if present else f"Not run: needs {', '.join(self.needs)}."
        rule = f"Taken as: {self.rule}." if self.rule else ""
        why = " ".join(filter(None, (reason, contradiction, rule, self._on_paper(evidence), self.remark)))
        needed = DECIDED
        if status not in DECIDED_AS:
            needed = need(points, self.needs, level, any_of=self.any_of)
            if needed == DECIDED:
                needed = Need("no number of seeds: points and shares come out differently")
        texts = "; ".join(point.text for point in _worst_of_groups(present))
        effect = Grounds.of(self._closest(present, status)) if present else None
        return Verdict(status, evidence.scale, texts or "-", why, effect, needed)

    def _closest(self, points: Sequence[Outcome], status: Decision) -> Outcome:
        """Returns the comparison that decides least clearly; for "up to", most clearly."""
        deciding = [point for point in points if point.status == status and not point.fitted]
        choose = max if self.any_of and status == "holds" else min
        return choose(deciding or points, key=lambda point: point.margin)

    def _assess(self, look: Look) -> Assessment:
        """Reads the claim in points and in shares: if both decide differently it is not decided."""
        in_points, in_shares = (self._judge(self.points(replace(look, shares=shares))) for shares in (False, True))
        if in_points.status == in_shares.status:
            return in_points
        contradiction = (
            f"In points it {_said(in_points.status)}, as a share of what is above chance it {_said(in_shares.status)}."
        )
        chosen = in_shares if in_points.status in DECIDED_AS else in_points
        return chosen._replace(status="not decided", contradiction=contradiction)

    def _judge(self, points: Sequence[Outcome]) -> Assessment:
        """Judges the claim, after stricter tests of comparisons that could decide it alone."""
        level = alone_level(sum(not p.fitted and p.quantity is not None and bool(p.quantity.terms) for p in points))
        alone = "holds" if self.any_of else "does not hold"
        points = [point.at(level) if point.status == alone else point for point in points]
        return Assessment(points, level, self._status(points))

    def _status(self, points: Sequence[Outcome]) -> Decision:
        """Decides by the comparisons without fitted seconds.

        "fitted" means that only fitted ones could decide the claim, or a part of it.
        """
        statuses = {point.status for point in points if not point.fitted}
        decision: Decision = "not decided"
        if statuses == {"holds"} or (self.any_of and "holds" in statuses):
            decision = "holds"
        elif statuses == {"does not hold"} or (not self.any_of and "does not hold" in statuses):
            decision = "does not hold"
        decided = [point for point in points if point.status in DECIDED_AS]
        only_fitted = bool(points) and all(point.fitted for point in decided or points)
        if (decision == "holds" and fitted_parts(points)) or (decision == "not decided" and only_fitted):
            return "not decided (fitted)"
        return decision

    def _on_paper(self, evidence: Evidence) -> str:
        """States the verdict of the same conditions on the paper's own figures."""
        printed = replace(self, points=lambda look: [p for p in self.points(look) if p.status != "missing"])
        points, _, status, _ = printed._assess(as_published(evidence))
        if not points:
            return ""
        examples = sorted((p for p in _worst_of_groups(points) if p.status == status), key=lambda point: point.margin)
        texts = "; ".join(point.text for point in examples[: 1 if status == "holds" else 3])
        return f"On the paper's own figures it {_said(status)}{f' ({texts})' if texts else ''}."


Judged = Sequence[tuple[Claim, Verdict]]


def _said(status: Decision) -> str:
    return status if status in DECIDED_AS else f"is {status}"


def _worst_of_groups(points: Sequence[Outcome]) -> list[Outcome]:
    groups: dict[str, list[Outcome]] = {}
    for point in points:
        groups.setdefault(point.group, []).append(point)
    return [min(group, key=lambda point: (_RANK[point.status], point.margin)) for group in groups.values()]


def _why(present: Sequence[Outcome], points: Sequence[Outcome], status: Decision) -> str:
    """Counts the comparisons, and says which do not count and why some are open."""
    counted = [point for point in points if not point.fitted]
    parts = [_counted(counted)] if counted else []
    if fixed := sum(point.fixed for point in points):
        parts.append(f"{fixed} of {len(points)} comparisons would come out so whatever the hardware card was fitted to")
    if fitted := len(points) - len(counted) - fixed:
        parts.append(f"{fitted} of {len(points)} comparisons are of seconds that the hardware card was fitted to")
    if names := list(dict.fromkeys(point.text for point in points if point.status == "missing")):
        more = " and others" if len(names) > _MOST_NAMES else ""
        parts.append(f"not measured: {', '.join(names[:_MOST_NAMES])}{more}")
    fewest = min((point.n for point in present if point.n is not None), default=0)
    if status not in DECIDED_AS:
        parts += dict.fromkeys(point.why for point in counted if point.why)
    elif 1 < fewest <= 3:
        parts.append(f"n = {fewest} is weak evidence")
    return "; ".join(parts) + "."


def _counted(points: Sequence[Outcome]) -> str:
    """Returns '3 of 5 comparisons hold, 1 does not, 1 is open'."""
    counts = Counter(point.status for point in points)
    total, against, undecided = len(points), counts["does not hold"], counts["not decided"] + counts["missing"]
    if undecided == total:
        return f"none of {total} comparisons is decided" if total > 1 else "the one comparison is not decided"
    parts = [f"{counts['holds']} of {total} comparisons hold"]
    parts += [f"{against} {'does' if against == 1 else 'do'} not"] if against else []
    parts += [f"{undecided} {'is' if undecided == 1 else 'are'} open"] if undecided else []
    return ", ".join(parts)
