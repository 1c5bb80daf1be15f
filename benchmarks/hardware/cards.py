"""Hardware cards as TOML files, one each, beside this file or wherever --hardware points."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import tomli_w
from pydantic import ValidationError

from benchmarks.checkout import CHECKOUT
from benchmarks.errors import UserError
from benchmarks.hardware.card import Card
from methods.errors import unknown
from results.files import replace
from results.reading import content, first_mistake, parsed_toml

CARDS = CHECKOUT / "benchmarks" / "hardware"
MOST_BYTES = 2**20  # the largest of ours has 20 kB


def names() -> list[str]:
    """Returns the names of this folder's cards, sorted."""
    return sorted(path.stem for path in CARDS.glob("*.toml"))


_files: dict[str, Path] = {}
"""By digest, the files of cards that were loaded by their paths."""


def load(name: str, *, out: Path | None = None) -> Card:
    """Returns a card by its name, here or in out/hardware (where calibrate writes), or by the path of a TOML file.

    Raises UserError where there is none, or where it is not valid.
    """
    for path in (CARDS / f"{name}.toml", (out or Path("out")) / "hardware" / f"{name}.toml"):
        if path.is_file():
            return _read(path)
    if name.endswith(".toml"):
        if not Path(name).is_file():
            raise UserError(f"There is no hardware card {name}; --hardware takes a name or the path of a TOML file.")
        card = _read(Path(name))
        _files[card.sha256] = Path(name)
        return card
    if name == "this-machine":
        raise UserError("This machine has not been measured yet: run `python -m benchmarks calibrate` first.")
    raise UserError(unknown("hardware card", name, [*names(), "this-machine"]))


def file_of(card: Card) -> Path | None:
    """Returns the file of a card that was loaded by its path; None for one that was loaded by its name."""
    return _files.get(card.sha256)


@cache
def _read(path: Path) -> Card:
    try:
        values = parsed_toml(content(path, MOST_BYTES).decode("utf-8"))
        base = values.pop("extends", None)  # a card of this folder, whose values are the defaults
        inherited = _read(CARDS / f"{base}.toml").model_dump() if base else {}
        return Card.model_validate({**inherited, **values}, context={"folder": path.parent})
    except (OSError, ValueError, RecursionError) as error:  # RecursionError: a card that extends itself
        reason = first_mistake(error) if isinstance(error, ValidationError) else error
        raise UserError(f"The hardware card {path} is not valid: {reason}.") from error


def write(card: Card, path: Path, header: str) -> None:
    """Writes a card as TOML, atomically, with six digits a number. header: lines of a comment above it.

    Raises ResultsError where the folder cannot be written.
    """
    comment = "".join(f"# {line}\n" for line in header.splitlines())
    numbers = json.dumps(card.model_dump(exclude_defaults=True))
    values = json.loads(numbers, parse_float=lambda number: float(f"{float(number):.6g}"))
    replace(path, (comment + tomli_w.dumps(values, indent=2)).encode())
