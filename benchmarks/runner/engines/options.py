"""Options for sbatch of `--engine slurm`: from the command line, else from [engine.slurm] in the user's folder."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.errors import UserError
from methods.errors import unknown
from results.reading import TEXT_BYTES, content, parsed_toml

FILE = "async-sgd-benchmarks.toml"
ENGINES = ("local", "slurm")
PER_TASK = "per_task"
SETUP = "setup"
MINUTES = 60
"""Time limit of a job unless one is chosen: a run that takes longer goes on in the next job."""
SIGNAL_SECONDS = 90
"""Before its time limit a job is asked to leave a checkpoint and to go."""

OURS = {
    **dict.fromkeys(
        ("array", "job_name", "output", "error", "open_mode", "signal", "wrap", "chdir"), "the engine says"
    ),
    **dict.fromkeys(("nodes", "ntasks", "ntasks_per_node"), "a run is one process, and the engine says"),
}
"""Options of sbatch that nobody else may set, each with why."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TIME = re.compile(r"(?:(?P<days>\d+)-)?(?P<parts>\d+(?::\d+){0,2})")


@dataclass(frozen=True)
class SlurmOptions:
    """asked: options of sbatch, with underscores in their names. per_task: runs of a job; None: as many as are short.

    setup: shell before it.
    """

    asked: Mapping[str, str] = field(default_factory=dict)
    per_task: int | None = None
    setup: tuple[str, ...] = ()

    @property
    def partition(self) -> str | None:
        """None: the cluster's own default."""
        return self.asked.get("partition")

    @property
    def minutes(self) -> float:
        """The time limit of a job."""
        return minutes(self.asked["time"]) if "time" in self.asked else MINUTES

    @property
    def signal_seconds(self) -> int:
        """SIGNAL_SECONDS, but at most half of a short job."""
        return min(SIGNAL_SECONDS, int(self.minutes * 30))

    @property
    def words(self) -> str:
        """The options as given: partition=gpu, time=240."""
        return ", ".join(f"{key}={value}" for key, value in {**self.asked, "time": f"{self.minutes:g}"}.items())


def chosen(given: Iterable[str], per_task: int | None, folder: Path = Path()) -> SlurmOptions:
    """Options of the command line over those of the file in this folder. Raises UserError for an invalid one."""
    asked, of_file, setup = _read(folder / FILE)
    asked = {**asked, **dict(map(_parted, given))}
    for name, value in asked.items():
        _check(name, value)
    runs = per_task if per_task is not None else of_file
    if runs is not None and runs < 1:
        raise UserError(f"--per-task {runs}: give the number of runs that a job trains, 1 or more.")
    return SlurmOptions(asked, runs, setup)


def minutes(text: str) -> float:
    """SLURM's ways to say a time limit: 240, 30:00, 4:00:00, 1-12, 1-12:30. Raises UserError for what is none."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise UserError(
            f"--slurm time={text}: give minutes, or hours:minutes:seconds, or days-hours, as sbatch takes them."
        )
    parts = [int(part) for part in found["parts"].split(":")]
    if found["days"] is not None:
        hours, mins, seconds = (*parts, 0, 0)[:3]
        total = int(found["days"]) * 1440 + hours * 60 + mins + seconds / 60
    else:
        hours, mins, seconds = (0, *parts, 0) if len(parts) == 1 else (0, *parts) if len(parts) == 2 else parts
        total = hours * 60 + mins + seconds / 60
    if not 0 < total < math.inf:
        raise UserError(f"--slurm time={text}: give a job more time than none.")
    return total


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


def _read(path: Path) -> tuple[dict[str, str], int | None, tuple[str, ...]]:
    """-> what the file asks for, runs of a job, lines of shell; what nobody says where there is no file."""
    try:
        document = parsed_toml(content(path, TEXT_BYTES).decode())
    except FileNotFoundError:
        return {}, None, ()
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as TOML ({error}).") from error
    table = _table(path, _table(path, document, "engine"), "slurm")
    per_task, setup = table.pop(PER_TASK, None), table.pop(SETUP, [])
    if type(per_task) not in (int, type(None)):
        raise UserError(f"{path}: {PER_TASK} = {per_task!r}: give the number of runs that a job trains.")
    if not isinstance(setup, list) or not all(isinstance(line, str) for line in setup):
        raise UserError(f'{path}: {SETUP}: give lines of shell, as in {SETUP} = ["module load cuda"].')
    asked = {}
    for name, value in table.items():
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise UserError(f"{path}: {name} = {value!r}: give a text or a whole number, as sbatch takes it.")
        asked[name.replace("-", "_")] = str(value)
    return asked, per_task, tuple(setup)


def _table(path: Path, document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The one table that there may be in it."""
    for other in document:
        if other != name:
            raise UserError(f"{path}: {unknown('entry', other, [name])}")
    found = document.get(name, {})
    if not isinstance(found, dict):
        raise UserError(f"{path}: {name} is to be a table, as in [engine.slurm].")
    return dict(found)
