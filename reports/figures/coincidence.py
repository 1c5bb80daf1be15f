"""Finds lines that lie on each other, so that they can be drawn visibly and named in the caption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Points = Sequence[tuple[float, float]]
Lines = Mapping[str, Points]
"""Lines of one panel: label -> points."""
NEAR = 0.006
"""Distance, as a share of a picture's width and height, below which two lines look like one."""
WIDER = 1.3
"""By how much, in widths of a line, each lower one of several is wider than the next."""


def coinciding(*axes: Lines) -> list[tuple[str, ...]]:
    """Returns the groups of labels whose lines nobody can tell apart, over each of several axes of the same lines."""
    shares = [_shares(lines) for lines in axes]
    groups: dict[str, list[str]] = {}
    for label in axes[0]:
        like = (first for first in groups if all(_near(of.get(first, []), of.get(label, [])) for of in shares))
        groups.setdefault(next(like, label), []).append(label)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _shares(lines: Lines) -> dict[str, list[float]]:
    """Returns each line's coordinates, one after the other, in widths and heights of the picture."""
    columns = list(zip(*(point for line in lines.values() for point in line), strict=True))
    sizes = [max(column) - min(column) or 1.0 for column in columns]
    return {
        label: [value / size for point in line for value, size in zip(point, sizes, strict=True)]
        for label, line in lines.items()
    }


def _near(a: Sequence[float], b: Sequence[float]) -> bool:
    return bool(a and b) and len(a) == len(b) and all(abs(x - y) <= NEAR for x, y in zip(a, b, strict=True))


def widths(lines: Lines) -> dict[str, float]:
    """Returns the width of each line, 1 for one that lies alone; of several in one place the first is the widest."""
    line_widths = dict.fromkeys(lines, 1.0)
    for group in coinciding(lines):
        line_widths |= {label: 1 + WIDER * place for place, label in enumerate(reversed(group))}
    return line_widths


def caption(panels: Mapping[str, Sequence[Lines]]) -> str:
    """Returns 'LPP-SGD lies on LAP-SGD, drawn wide below (ResNet-18)', or "" where no lines coincide.

    panels: by panel, the same lines over each of its axes.
    """
    where: dict[tuple[str, ...], list[str]] = {}
    for panel, axes in panels.items():
        for group in coinciding(*axes):
            where.setdefault(group, []).append(panel)
    parts = [
        f"{' and '.join(group[1:])} {'lies' if len(group) == 2 else 'lie'} on {group[0]}, drawn wide below "
        f"({', '.join(places)})"
        for group, places in where.items()
    ]
    return "; ".join(parts)
