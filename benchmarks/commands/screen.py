"""Output of commands: plain text without markup, printed whole; notes to the user begin with "Note:"."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line feed, and characters that change the direction of text."""


class Screen(Console):
    """A console that removes control characters from texts such as names, and keeps its own colours."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Renders as a Console does, without control characters."""
        for segment in super().render(renderable, options):
            printable_segment = segment.control or segment.text.isprintable()
            yield segment if printable_segment else Segment(_CONTROL.sub("", segment.text), segment.style)


def say(console: Console, text: str, style: str = "") -> None:
    """Prints a line that may hold paths, addresses and others' text: unwrapped, without markup or highlighting."""
    console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=True, style=style or None)


def note(console: Console, sentences: Iterable[str]) -> None:
    """Prints "Note: ..." for each sentence that is not empty."""
    for sentence in filter(None, sentences):
        say(console, f"Note: {sentence}")
