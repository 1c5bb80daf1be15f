"""Lines that lie on each other: found, so that they can be drawn visibly, and said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Points = Sequence[tuple[float, float]]
NEAR = 0.006
"""Distance, as a share of a picture's width and height, at which two lines are one to the eye."""
WIDER = 1.3
"""By how much, in widths of a line, each lower one of several looks out from under the next."""


def coinciding(lines: Mapping[str, Points]) -> list[tuple[str, ...]]:
    """lines: of one panel, label -> points. -> the labels of those that nobody could tell apart, group by group."""
    points = [point for line in lines.values() for point in line]
    if not points:
        return []
    ranges = tuple(max(values) - min(values) for values in zip(*points, strict=True))
    groups: list[list[str]] = []
    for label, line in lines.items():
        like = (group for group in groups if line and _near(lines[group[0]], line, ranges))
        if (group := next(like, None)) is not None:
            group.append(label)
        else:
            groups.append([label])
    return [tuple(group) for group in groups if len(group) > 1]


def everywhere(panels: Sequence[Sequence[tuple[str, ...]]]) -> list[tuple[str, ...]]:
    """Groups of each of several panels of the same lines -> the groups that coincide in all of them."""
    first, *others = panels
    found = []
    for group in first:
        parts: dict[tuple[tuple[str, ...], ...], list[str]] = {}
        for label in group:
            its = tuple(next((other for other in groups if label in other), ()) for groups in others)
            parts.setdefault(its, []).append(label)
        found += [tuple(labels) for its, labels in parts.items() if all(its) and len(labels) > 1]
    return found


def _near(one: Points, other: Points, ranges: Sequence[float]) -> bool:
    if len(one) != len(other):
        return False
    pairs = (pair for points in zip(one, other, strict=True) for pair in zip(*points, ranges, strict=True))
    return all(abs(a - b) <= NEAR * whole for a, b, whole in pairs)


def widths(lines: Mapping[str, Points]) -> dict[str, float]:
    """Label -> its width in those of a line that lies by itself: of several in one place the first is the widest."""
    found = dict.fromkeys(lines, 1.0)
    for group in coinciding(lines):
        found |= {label: 1 + WIDER * place for place, label in enumerate(reversed(group))}
    return found


def caption(panels: Mapping[str, Sequence[Mapping[str, Points]]]) -> str:
    """'LPP-SGD lies on LAP-SGD, drawn wide below (ResNet-18)', or "".

    panels: panel -> the same lines over each of its axes, label -> points; those are told that coincide in all of them.
    """
    where: dict[tuple[str, ...], list[str]] = {}
    for panel, several in panels.items():
        for group in everywhere([coinciding(lines) for lines in several]):
            where.setdefault(group, []).append(panel)
    parts = [
        f"{' and '.join(group[1:])} {'lies' if len(group) == 2 else 'lie'} on {group[0]}, drawn wide below "
        f"({', '.join(dict.fromkeys(places))})"
        for group, places in where.items()
    ]
    return "; ".join(parts)
