"""What an analysis is: an experiment that trains no table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

import methods
from benchmarks.errors import UserError
from benchmarks.hardware.card import Card
from results.tables import ResultTable


class Nothing(BaseModel):
    """The options of an analysis that has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Request:
    """What the command line asks of an analysis. methods, networks: may be empty, for the analysis's own choice."""

    scale: str
    seeds: int
    card: Card
    methods: tuple[str, ...]
    networks: tuple[str, ...]
    options: Any
    out: Path
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # of methods, by their names


@dataclass(frozen=True)
class Finding:
    tables: tuple[ResultTable, ...]
    pictures: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Analysis:
    """An experiment with a name; `Options` is what `--set ID.option=value` can reach."""

    id: str
    title: str
    source: str
    run: Callable[[Request], Finding]
    Options: type[BaseModel] = Nothing
    card: str = "paper-a"

    def options(self, settings: Mapping[str, str]) -> BaseModel:
        """Raises UserError for an unknown option, offering the nearest, or for a bad value."""
        for key in settings:
            if key not in self.Options.model_fields:
                raise UserError(methods.unknown(f"option of {self.id}", key, tuple(self.Options.model_fields)))
        try:
            return self.Options.model_validate({key: _parsed(value) for key, value in settings.items()})
        except ValidationError as error:
            wrong = error.errors()[0]
            where = ".".join(map(str, wrong["loc"]))
            raise UserError(f"Bad value: {self.id}.{where}={wrong['input']!r}: {wrong['msg']}.") from error


def _parsed(value: str) -> Any:
    return [part.strip() for part in value.split(",")] if "," in value else value
