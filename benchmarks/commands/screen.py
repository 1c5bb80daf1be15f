"""How commands speak: text as it is, without markup, in one piece; what one has to know begins with "Note:"."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console


def say(console: Console, text: str, style: str = "") -> None:
    """A line that may hold paths, addresses and others' text: nothing of it is broken, coloured or interpreted."""
    console.print(text, highlight=False, markup=False, soft_wrap=True, style=style or None)


def note(console: Console, sentences: Iterable[str]) -> None:
    """Each sentence that is not empty."""
    for sentence in filter(None, sentences):
        say(console, f"Note: {sentence}")
