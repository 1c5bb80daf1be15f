"""Hardware cards as TOML files, one each, beside this file or wherever --hardware points."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchmarks.checkout import CHECKOUT
from benchmarks.errors import UserError
from benchmarks.hardware.card import Card
from methods import unknown

CARDS = CHECKOUT / "benchmarks" / "hardware"


def names() -> list[str]:
    return sorted(path.stem for path in CARDS.glob("*.toml"))


def load(name: str, *, out: Path | None = None) -> Card:
    """A card by its name, from out/hardware (what calibrate wrote), or by the path of a TOML file.

    Raises UserError where there is none, or where it is not valid.
    """
    for path in (CARDS / f"{name}.toml", (out or Path("out")) / "hardware" / f"{name}.toml"):
        if path.is_file():
            return _read(path)
    if name.endswith(".toml"):
        if not Path(name).is_file():
            raise UserError(f"There is no hardware card {name}; --hardware takes a name or the path of a TOML file.")
        return _read(Path(name))
    if name == "this-machine":
        raise UserError("This machine has not been measured yet: run `python -m benchmarks calibrate` first.")
    raise UserError(unknown("hardware card", name, [*names(), "this-machine"]))


@cache
def _read(path: Path) -> Card:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        base = values.pop("extends", None)  # a card of this folder, whose values hold where none are given
        inherited = _read(CARDS / f"{base}.toml").model_dump() if base else {}
        return Card.model_validate({**inherited, **values}, context={"folder": path.parent})
    except (OSError, ValueError) as error:
        raise UserError(f"The hardware card {path} is not valid: {_first(error)}") from error


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        wrong = error.errors()[0]
        return f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}."
    return f"{error}."


def write(card: Card, path: Path, header: str) -> None:
    """Write a card as TOML, atomically."""
    lines = [f"# {line}" for line in header.splitlines()]
    data = card.model_dump(exclude_defaults=True)
    nested = {key: data.pop(key) for key in ("link", "update", "networks") if key in data}
    delays = data.pop("delays", ())
    lines += _section(data)
    networks: Mapping[str, Any] = nested.pop("networks", {})
    for key, values in [*nested.items(), *((f"networks.{k}", v) for k, v in networks.items())]:
        lines += ["", f"[{key}]", *_section(values)]
    for delay in delays:
        lines += ["", "[[delays]]", *_section(delay)]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    part.replace(path)


def _section(values: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_toml(value)}" for key, value in values.items()]


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return f"{value:.6g}" if any(c in f"{value:.6g}" for c in ".ein") else f"{value:.6g}.0"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return str(value)
