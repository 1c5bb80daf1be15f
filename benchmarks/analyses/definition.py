"""Defines an analysis: an experiment that fills no table of trained runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

import methods
from benchmarks.errors import UserError
from benchmarks.executors import registry as executors
from benchmarks.hardware.card import Card
from benchmarks.runner.choices import Choices
from benchmarks.runner.plan import Run
from methods import Method
from methods.errors import unknown
from results.files import own_folder
from results.published import Published
from results.records import Record
from results.statistics import summary
from results.tables import ResultCell, ResultTable

Value = TypeVar("Value")

Several = Annotated[
    tuple[Value, ...],
    Field(min_length=1),
    BeforeValidator(lambda value: [value] if isinstance(value, str | int | float) else value),
    AfterValidator(lambda values: tuple(dict.fromkeys(values))),
]
"""An option that holds at least one value, each once: `--set speedup.betas=1,2` and `--set speedup.betas=2` alike."""


class AnalysisOptions(BaseModel):
    """The options that `--set ID.option=value` sets; this base class has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Request:
    """A request from the command line to an analysis. methods, networks: empty for the analysis's own defaults.

    settings: of methods, by name. choices: the whole command line, for grids of tables. record_of: returns the record
    in `out` of a planned run, if there is one.
    """

    scale: str
    seeds: tuple[int, ...]
    card: Card
    methods: tuple[str, ...]
    networks: tuple[str, ...]
    options: Any
    out: Path
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    choices: Choices = field(default_factory=Choices)
    record_of: Callable[[Run], Record | None] = lambda run: None

    @property
    def figures(self) -> Path:
        """Returns the folder of pictures. Raises ResultsError where it is a link."""
        return own_folder(self.out, self.out / "figures")

    def networks_among(self, names: Iterable[str], default: Collection[str] = ()) -> list[str]:
        """Returns the requested networks among these names; where none is requested `default`, or all names.

        Raises UserError where no requested network is among them.
        """
        requested = self.networks or default
        if chosen := [name for name in names if not requested or name in requested]:
            return chosen
        raise UserError(f"Nothing to run: there are the networks {', '.join(names)}; name one of them with --network.")

    def method(self, name: str, **options: Any) -> Method:
        """Makes the method with the user's settings. Raises UserError where it cannot run on a simulated clock."""
        method = methods.create(name, {**self.settings.get(name, {}), **options})
        executors.VIRTUAL.check(method)
        return method


def cell(
    measured: float | Sequence[float] | None, law: float | None = None, *, source: str = "", reason: str = ""
) -> ResultCell:
    """Returns a cell of a result table: a measured value beside that of a law.

        cell(2.99, law=3.0)  # one value, which no seed changes
        cell([0.21, 0.25])   # mean and standard deviation of two runs
        cell(None, reason="not run")

    source: where the law's value is from. reason: a footnote, needed where nothing was measured.
    """
    reference = None if law is None else Published(law, None, None, source)
    values = [measured] if isinstance(measured, float | int) else measured
    return ResultCell(reference, None if values is None else summary(values), reason)


@dataclass(frozen=True)
class Finding:
    """The result of an analysis: tables, and paths of pictures."""

    tables: tuple[ResultTable, ...]
    pictures: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Analysis:
    """An experiment that fills no table of trained runs.

    id: the file's name, with - for _. paper: the group of tables that it belongs to, "" if it is run by its id alone.
    card: the default hardware card. scaled: whether --scale changes the result. seconds: rough seconds of wall clock by
    scale and options.
    """

    id: str
    title: str
    source: str
    run: Callable[[Request], Finding]
    Options: type[AnalysisOptions] = AnalysisOptions
    paper: Literal["paper-a", "paper-b", ""] = ""
    card: str = "paper-a"
    scaled: bool = False
    seconds: Callable[[str, Any], float] | None = None

    @property
    def about(self) -> str:
        """Returns one sentence about the analysis: the first line of its module."""
        return (sys.modules[self.run.__module__].__doc__ or "").partition("\n")[0]

    def options(self, settings: Mapping[str, str]) -> AnalysisOptions:
        """Returns the validated options.

        Raises UserError for an unknown one, offering the nearest, or for a bad value.
        """
        for key in settings:
            if key not in self.Options.model_fields:
                raise UserError(unknown(f"option of {self.id}", key, tuple(self.Options.model_fields)))
        try:
            return self.Options.model_validate({key: _parsed(value) for key, value in settings.items()})
        except ValidationError as error:
            wrong = error.errors()[0]
            option = ".".join(map(str, wrong["loc"]))
            raise UserError(f"Bad value: {self.id}.{option}={wrong['input']!r}: {wrong['msg']}.") from error


def _parsed(value: str) -> Any:
    return [part.strip() for part in value.split(",")] if "," in value else value
