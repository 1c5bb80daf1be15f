"""What a report's pictures were drawn from, so that only those are drawn anew of which that has changed.

<folder>/pictures.json     picture -> a digest of what it shows and of who drew it, and a digest of each of its files
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from reports.figures.canvas import ENDINGS
from results.files import replace
from results.reading import TEXT_BYTES, parsed_json
from results.reading import content as bytes_of

INDEX = "pictures.json"
DRAWERS = Path(__file__).parents[1]
"""The room whose sources make a picture."""


class Drawn:
    """The pictures of a folder, as they were found."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known = _read(folder / INDEX)

    def current(self, stem: Path, content: str) -> bool:
        """Whether its files are those that were drawn from this content, to the byte."""
        known = self._known.get(self._name(stem))
        return known is not None and known == {"content": content, **_files(stem)}

    def note(self, stem: Path, content: str) -> None:
        """It has been drawn."""
        self._known[self._name(stem)] = {"content": content, **_files(stem)}

    def write(self) -> None:
        """What is known of the pictures that are there. Raises ResultsError where it cannot be written."""
        there = {name: known for name, known in self._known.items() if _files(self.folder / name)}
        replace(self.folder / INDEX, (json.dumps(there, indent=0, sort_keys=True) + "\n").encode())

    def _name(self, stem: Path) -> str:
        return stem.relative_to(self.folder).as_posix()


def content(picture: Callable[..., object], given: Any) -> str:
    """A digest of what a picture is given, as data that say themselves by `repr`, and of who draws it."""
    who = f"{picture.__module__}.{picture.__qualname__} {_drawers()}"
    return hashlib.sha256(f"{who} {given!r}".encode()).hexdigest()


def _files(stem: Path) -> dict[str, str]:
    """Ending -> digest, of those that are there."""
    paths = {ending: stem.with_name(f"{stem.name}.{ending}") for ending in ENDINGS}
    return {ending: _sha256(path) for ending, path in paths.items() if path.is_file()}


def _sha256(path: Path) -> str:
    """ "" for what no picture is."""
    try:
        return hashlib.sha256(bytes_of(path, TEXT_BYTES)).hexdigest()
    except OSError:
        return ""


@cache
def _drawers() -> str:
    """The sources of this room, and matplotlib's version."""
    digest = hashlib.sha256(version("matplotlib").encode())
    for path in sorted(DRAWERS.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _read(index: Path) -> dict[str, dict[str, str]]:
    """Nothing where there is none, or none that can be read: then all are drawn."""
    try:
        found = parsed_json(index, TEXT_BYTES)
    except (OSError, ValueError):
        return {}
    return {name: known for name, known in found.items() if isinstance(known, dict)} if isinstance(found, dict) else {}
