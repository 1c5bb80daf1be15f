"""Chooses how a method looks, by its name: one colour, line style and marker in every figure.

Rows of one method that differ in options share its colour, and have a line style and a marker of their own. A name that
is not listed, such as a plug-in's, has a look by its digest, so that it looks alike in every figure.

Colours are petroff10, chosen to be told apart by colour-blind readers (arXiv:2107.02270).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reports.tables.texts import printable

COLOURS = (
    "#3f90da #ffa90e #bd1f01 #94a4a2 #832db6 #a96b59 #e76300 #b9ac70 #717581 #92dadd"
).split()  # fmt: skip
DASHES: dict[str, Any] = {
    "solid": "-",
    "dashed": (0, (4.5, 1.6)),
    "dash-dot": (0, (5, 1.4, 1.2, 1.4)),
    "dotted": (0, (1.2, 1.2)),
    "dash-dot-dot": (0, (5, 1.2, 1.2, 1.2, 1.2, 1.2)),
    "long-dashed": (0, (8, 2)),
}
MARKERS = "os^vDPX<>p"
_NAMED = {
    "bp": (8, "solid", "s"),
    "async_lu": (0, "solid", "o"),
    "async_bu": (2, "dashed", "^"),
    "lapsgd": (1, "dash-dot", "D"),
    "lppsgd": (4, "dotted", "v"),
    "ddp": (5, "long-dashed", "P"),
    "mbsgd": (7, "solid", "X"),
    "plsgd": (6, "dashed", "<"),
    "pdasgd": (3, "dash-dot-dot", ">"),
    "lsgd": (9, "long-dashed", "p"),
    "hogwild": (9, "dotted", "o"),
    "pipeline": (3, "solid", "D"),
    "adpsgd": (0, "dash-dot", "v"),
    "cocod": (2, "dotted", "P"),
    "asgd": (6, "dotted", "^"),
    "ringmaster": (4, "solid", "P"),
    "rennala": (5, "dash-dot", "X"),
    "diloco": (2, "solid", "v"),
    "topk": (1, "solid", "o"),
    "signsgd": (4, "dash-dot", "^"),
    "pipedream_2bw": (3, "dotted", "<"),
}
_VARIATIONS = [
    (list(DASHES)[(number + number // 30) % len(DASHES)], MARKERS[number % len(MARKERS)]) for number in range(60)
]
"""Every line style with every marker once; neighbours differ in both."""


@dataclass(frozen=True, slots=True)
class LineLook:
    """A colour as '#3f90da', a line style by its name in `DASHES`, and a marker."""

    colour: str
    dash: str
    marker: str

    @property
    def line(self) -> dict[str, Any]:
        """Options of a line, for matplotlib."""
        return {"color": self.colour, "linestyle": DASHES[self.dash]}

    @property
    def points(self) -> dict[str, Any]:
        """Options of hollow markers, for matplotlib."""
        return {"color": self.colour, "marker": self.marker, "markerfacecolor": "white"}


def looks(keys: Iterable[str]) -> dict[str, LineLook]:
    """Returns a look for each key of a figure's rows, such as 'lapsgd' and 'lapsgd@updaters=2'; no two are alike.

    A row looks the same in every figure, unless an earlier row of its method looks like it: while markers last, rows of
    one method have different ones.
    """
    chosen: dict[str, LineLook] = {}
    for key in sorted(dict.fromkeys(keys), key=lambda key: "@" in key):  # a method's plain row chooses first
        method, _, options = key.partition("@")
        free = [look for look in _candidates(method, options) if look not in chosen.values()]
        markers = {look.marker for look in chosen.values() if look.colour == free[0].colour}
        fitting = (look for look in free if look.colour == free[0].colour and look.marker not in markers)
        chosen[key] = next(fitting, free[0])
    return chosen


def _candidates(method: str, options: str) -> Iterable[LineLook]:
    own = _own(method)
    if not options:
        yield own
    start = _digest(f"{method}@{options}") % len(_VARIATIONS)
    for dash, marker in (*_VARIATIONS[start:], *_VARIATIONS[:start]):
        if dash != own.dash and marker != own.marker:
            yield LineLook(own.colour, dash, marker)
    for colour in COLOURS:  # for a figure with more rows of a method than there are variations
        yield from (LineLook(colour, dash, marker) for dash, marker in _VARIATIONS)


def _own(method: str) -> LineLook:
    if method in _NAMED:
        number, dash, marker = _NAMED[method]
        return LineLook(COLOURS[number], dash, marker)
    at = _digest(method)
    dash, marker = _VARIATIONS[at // len(COLOURS) % len(_VARIATIONS)]
    return LineLook(COLOURS[at % len(COLOURS)], dash, marker)


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])


def numbered(number: int) -> LineLook:
    """Returns the look of a series that is no method, such as a law or a layer, by its number."""
    dashes = list(DASHES)
    return LineLook(colour(number), dashes[number // 2 % len(dashes)], MARKERS[number % len(MARKERS)])


def colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def drawable(label: str) -> str:
    """Returns a label that matplotlib shows literally: no mathematics or control characters, in legends as well."""
    text = printable(label).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text
