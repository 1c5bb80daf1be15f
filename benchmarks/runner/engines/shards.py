"""Files for jobs, under out/slurm: an array's folder holds its setting, a shard of runs per job, and notes.

All of it is JSON. Notes are what a job says that no journal does; each job has a file of them, which it alone writes.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from benchmarks.runner.plan import Run
from benchmarks.runner.processes.messages import Setting
from results import files
from results.errors import ResultsError
from results.reading import MOST_BYTES, opened, parsed_json
from results.records.spec import Labels, RunSpec

FOLDER = "slurm"
ARRAY, SETTING = "array.json", "setting.json"
LOGS = "logs"

Parse = Callable[[bytes], dict[str, Any]]
_SETTING = TypeAdapter(Setting)


def place(out: Path) -> Path:
    """Folder of all files of jobs."""
    return out / FOLDER


@dataclass(frozen=True)
class Array:
    """A job array. shards: per job the ids of its runs. before: of runs that had a journal when it was submitted, when
    that was begun. jobs: ids; none where sbatch was not heard any more. over: nobody need ask for its jobs again."""

    folder: Path
    shards: tuple[tuple[str, ...], ...]
    before: Mapping[str, str] = field(default_factory=dict)
    jobs: tuple[str, ...] = ()
    made: str = ""
    over: bool = False

    @property
    def name(self) -> str:
        """Name of the array and of its jobs."""
        return self.folder.name

    @classmethod
    def create(cls, out: Path, shards: Sequence[Sequence[Run]], setting: Setting, before: Mapping[str, str]) -> Array:
        """Write the array's files, whole before sbatch is asked. Raises ResultsError where they cannot be written."""
        folder = files.own_folder(out, place(out)).absolute() / f"asgd-{uuid.uuid4().hex[:10]}"
        made = datetime.now(UTC).isoformat(timespec="seconds")
        array = cls(folder, tuple(tuple(run.id for run in shard) for shard in shards), before, (), made)
        files.replace(folder / SETTING, _json(_SETTING.dump_python(_absolute(setting))))
        for index, shard in enumerate(shards):
            documents = [{"id": run.id, "spec": run.spec.document(), "labels": run.labels.document()} for run in shard]
            files.replace(array.shard(index), _json(documents))
        array.write()
        return array

    @classmethod
    def read(cls, path: Path) -> Array | None:
        """Read an array from its file; None where the file is not one."""
        try:
            fields = parsed_json(path)
            shards = tuple(tuple(map(str, shard)) for shard in fields["shards"])
            jobs, over = tuple(map(str, fields["jobs"])), bool(fields["over"])
            return cls(path.parent, shards, dict(fields["before"]), jobs, str(fields["made"]), over)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self) -> None:
        """Raises ResultsError."""
        fields = {key: value for key, value in asdict(self).items() if key != "folder"}
        files.replace(self.folder / ARRAY, _json(fields))

    def changed(self, **fields: Any) -> Array:
        """Change these fields and write the file -> the new array. Raises ResultsError."""
        made = replace(self, **fields)
        made.write()
        return made

    def shard(self, index: int) -> Path:
        """The runs of a job."""
        return self.folder / f"{index}.json"

    def log(self, index: int) -> Path:
        """Path of a job's log."""
        job = self.jobs[index] if index < len(self.jobs) else "JOB"
        return self.folder / LOGS / f"{job}_0_log.out"


def arrays(out: Path) -> list[Array]:
    """Arrays of which jobs may be queued or running."""
    found = map(Array.read, sorted(place(out).glob(f"*/{ARRAY}")))
    return [array for array in found if array is not None and not array.over]


@dataclass(frozen=True)
class Shard:
    """A job's input: its runs, and what they share."""

    path: Path
    runs: tuple[Run, ...]
    setting: Setting

    @classmethod
    def read(cls, path: Path) -> Shard:
        """Raises ResultsError where it is none."""
        try:
            setting = _SETTING.validate_python(parsed_json(path.parent / SETTING))
            runs = tuple(_run(one) for one in parsed_json(path))
        except (OSError, ValueError, TypeError, KeyError, ValidationError) as error:
            raise ResultsError(f"{path} is no shard of runs ({error}); run again.") from error
        if wrong := [name for name, card in setting.cards.items() if card.sha256 != name]:
            raise ResultsError(f"{path.parent / SETTING}: a card of it was changed ({wrong[0][:12]}); run again.")
        return cls(path, runs, setting)


@dataclass(frozen=True)
class Note:
    """A message of a job on a run. kind: remark (the run goes on) or failed (its journal may not tell)."""

    id: str
    kind: str
    sentence: str


def notes_of(shard: Path) -> Path:
    """The notes of the job that has this shard."""
    return shard.with_suffix(".notes.jsonl")


def take_note(shard: Path, note: Note) -> None:
    """Append it."""
    with notes_of(shard).open("ab", buffering=0) as file:
        file.write(_json(asdict(note)) + b"\n")


class Tail:
    """Lines of a file that others append to, each once; a line that cannot be parsed (ValueError) is left out.

    parser: makes what parses the lines of one file.
    """

    def __init__(self, path: Path, parser: Callable[[], Parse] = lambda: json.loads) -> None:
        self.path, self._parser, self._parse = path, parser, parser()
        self._inode, self._offset = 0, 0

    def lines(self) -> Iterator[dict[str, Any]]:
        """The new ones; all of them where another file has taken its place."""
        try:
            seen = self.path.stat()
            if (seen.st_ino, seen.st_size) == (self._inode, self._offset):
                return
            with opened(self.path, MOST_BYTES) as file:
                self._inode, before = seen.st_ino, self._inode
                if before != seen.st_ino or seen.st_size < self._offset:
                    self._offset, self._parse = 0, self._parser()
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            with contextlib.suppress(ValueError):
                yield self._parse(line)


def _absolute(setting: Setting) -> Setting:
    """Make the paths absolute, for processes in other folders."""
    return replace(
        setting,
        out=setting.out.absolute(),
        data=setting.data.absolute() if setting.data is not None else None,
        plugins=tuple(path.absolute() for path in setting.plugins),
    )


def _run(document: Mapping[str, Any]) -> Run:
    spec, labels = RunSpec.model_validate(document["spec"]), Labels.model_validate(document["labels"])
    return Run(str(document["id"]), spec, labels)


def _json(value: Any) -> bytes:
    return json.dumps(value, default=str).encode()
