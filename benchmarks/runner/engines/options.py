"""Options for sbatch of `--engine slurm`: from the command line, else from [engine.slurm] in a file of the folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmarks.errors import UserError
from results.reading import TEXT_BYTES, content, parsed_toml

FILE = "async-sgd-benchmarks.toml"
ENGINES = ("local", "slurm")
MINUTES = 60
"""Default time limit of a job; a longer run continues in the next job."""
SIGNAL_SECONDS = 90
"""Seconds before its time limit at which a job is told to write checkpoints and end."""

OURS = {
    **dict.fromkeys(
        ("array", "job_name", "output", "error", "open_mode", "signal", "wrap", "chdir"), "the engine says"
    ),
    **dict.fromkeys(("nodes", "ntasks", "ntasks_per_node"), "a run is one process, and the engine says"),
}
"""Options of sbatch that users cannot set, each with the reason."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TIME = re.compile(r"(?:(?P<days>\d+)-)?(?P<parts>\d+(?::\d+){0,2})")


@dataclass(frozen=True)
class SlurmOptions:
    """Options of jobs.

    sbatch: options of sbatch, with underscores in their names. per_task: runs per job; None: several short ones. setup:
    shell lines before Python starts.
    """

    sbatch: Mapping[str, str] = field(default_factory=dict)
    per_task: int | None = None
    setup: tuple[str, ...] = ()

    @property
    def minutes(self) -> float:
        """Time limit of a job."""
        return minutes(self.sbatch["time"]) if "time" in self.sbatch else MINUTES

    @property
    def signal_seconds(self) -> int:
        """SIGNAL_SECONDS, but at most half of a short job."""
        return min(SIGNAL_SECONDS, int(self.minutes * 30))

    @property
    def description(self) -> str:
        """Options as users write them: partition=gpu, time=240."""
        return ", ".join(f"{key}={value}" for key, value in {**self.sbatch, "time": f"{self.minutes:g}"}.items())


class _Slurm(BaseModel):
    """[engine.slurm] of the file: options of sbatch, and two of this suite."""

    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, str | int]
    per_task: int | None = None
    setup: list[str] = []


class _Engine(BaseModel):
    model_config = ConfigDict(extra="forbid")
    slurm: _Slurm = _Slurm()


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    engine: _Engine = _Engine()


def chosen(words: Iterable[str], per_task: int | None, folder: Path = Path()) -> SlurmOptions:
    """Merges options of the command line over those of the file. Raises UserError for an invalid one.

    words: KEY=VALUE each.
    """
    file = read(folder / FILE)
    sbatch = {name.replace("-", "_"): str(value) for name, value in (file.model_extra or {}).items()}
    sbatch |= map(_parted, words)
    for name, value in sbatch.items():
        _check(name, value)
    runs = per_task if per_task is not None else file.per_task
    if runs is not None and runs < 1:
        raise UserError(f"--per-task {runs}: give the number of runs that a job trains, 1 or more.")
    return SlurmOptions(sbatch, runs, tuple(file.setup))


def minutes(text: str) -> float:
    """Parses a SLURM time limit: 240, 30:00, 4:00:00, 1-12, 1-12:30. Raises UserError for anything else."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise UserError(
            f"--slurm time={text}: give minutes, or hours:minutes:seconds, or days-hours, as sbatch takes them."
        )
    parts = [int(part) for part in match["parts"].split(":")]
    units = (60, 1, 1 / 60) if match["days"] or len(parts) == 3 else (1, 1 / 60)  # hours come first after days
    total = 1440 * int(match["days"] or 0) + sum(part * unit for part, unit in zip(parts, units, strict=False))
    if not total:
        raise UserError(f"--slurm time={text}: give a job more time than none.")
    return total


def read(path: Path) -> _Slurm:
    """Reads [engine.slurm] of the file; defaults without a file. Raises UserError."""
    try:
        return _File.model_validate(parsed_toml(content(path, TEXT_BYTES).decode())).engine.slurm
    except FileNotFoundError:
        return _Slurm()
    except ValidationError as error:
        mistake = error.errors()[0]
        name = ".".join(map(str, mistake["loc"]))
        raise UserError(f"{path}: {name} = {mistake['input']!r}: {mistake['msg']}.") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as TOML ({error}).") from error


def _parted(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not (equals and name.strip() and value.strip()):
        raise UserError(f"--slurm {word}: write KEY=VALUE, an option of sbatch, such as partition=gpu or gres=gpu:1.")
    return name.strip().removeprefix("--").replace("-", "_"), value.strip()


def _check(name: str, value: str) -> None:
    if not _NAME.fullmatch(name) or not value.isprintable():
        raise UserError(f"--slurm {name}={value}: give an option of sbatch, such as partition=gpu or gres=gpu:1.")
    if name in OURS:
        raise UserError(f"--slurm {name}={value}: {OURS[name]} what {name} is; leave it out.")
    if name == "time":
        minutes(value)
