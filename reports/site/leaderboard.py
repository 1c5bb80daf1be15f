"""Writes the leaderboard as one page, in HTML and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reports.site import TEMPLATES, render
from reports.site.pages import Grid, Picture
from results.files import replace


@dataclass(frozen=True)
class Section:
    """A ranking. id: its anchor in the page. lines: sentences on how it was made."""

    id: str
    lines: Sequence[str]
    table: Grid
    picture: Picture


def write(sections: Sequence[Section], refused: Grid | None, folder: Path) -> list[Path]:
    """Writes leaderboard.html and .md and the style -> their paths. Pictures are drawn later, beside them.

    Raises:
        ResultsError: the folder cannot be written, or the disk is full.
    """
    texts = {
        folder / f"leaderboard.{kind}": render("leaderboard", kind, folder, folder, sections=sections, refused=refused)
        for kind in ("html", "md")
    }
    texts[folder / "style.css"] = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    for path, text in texts.items():
        replace(path, text.encode())
    return list(texts)
