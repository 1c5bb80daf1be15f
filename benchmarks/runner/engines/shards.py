"""Files of jobs, under out/slurm: an array's folder holds its setting, a shard of runs per job, and notes.

All files are JSON. A note reports what is in no journal; each job appends to its own file of notes.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from benchmarks.runner.plan import Run
from benchmarks.runner.processes.messages import Setting
from results import files
from results.errors import ResultsError
from results.reading import MOST_BYTES, content, parsed_json
from results.records.spec import Labels, RunSpec

FOLDER = "slurm"
ARRAY, SETTING = "array.json", "setting.json"
LOGS = "logs"


def place(out: Path) -> Path:
    """Folder of all files of jobs."""
    return out / FOLDER


@dataclass(frozen=True)
class Array:
    """A job array.

    shards: ids of each job's runs. before: by run id, the start of the journal that existed when the array was
    submitted. jobs: ids of the jobs; empty if the command was killed before sbatch answered. over: whether all jobs
    have ended.
    """

    folder: Path
    shards: tuple[tuple[str, ...], ...]
    before: dict[str, str] = field(default_factory=dict)
    jobs: tuple[str, ...] = ()
    over: bool = False

    @property
    def name(self) -> str:
        """Name of the array and of its jobs."""
        return self.folder.name

    @classmethod
    def create(cls, out: Path, shards: Sequence[Sequence[Run]], setting: Setting, before: dict[str, str]) -> Array:
        """Writes the files of an array that is not submitted yet. Raises ResultsError if they cannot be written."""
        folder = files.own_folder(out, place(out)).absolute() / f"asgd-{uuid.uuid4().hex[:10]}"
        array = cls(folder, tuple(tuple(run.id for run in shard) for shard in shards), before)
        absolute = replace(  # jobs run in other folders
            setting,
            out=setting.out.absolute(),
            data=setting.data.absolute() if setting.data is not None else None,
            plugins=tuple(path.absolute() for path in setting.plugins),
        )
        files.replace(folder / SETTING, _json(_SETTING.dump_python(absolute)))
        for index, shard in enumerate(shards):
            runs = [{"id": run.id, "spec": run.spec.document(), "labels": run.labels.document()} for run in shard]
            files.replace(array.shard(index), _json(runs))
        return array.changed()

    @classmethod
    def read(cls, path: Path) -> Array | None:
        """Reads an array from its file; None if it cannot be read."""
        try:
            return _ARRAY.validate_python({**parsed_json(path), "folder": path.parent})
        except (OSError, ValueError, TypeError):
            return None

    def changed(self, **fields: Any) -> Array:
        """Changes these fields and writes the array's file -> the new array. Raises ResultsError."""
        array = replace(self, **fields)
        files.replace(self.folder / ARRAY, _json(asdict(array)))
        return array

    def shard(self, index: int) -> Path:
        """File with the runs of a job."""
        return self.folder / f"{index}.json"

    def log(self, index: int) -> Path:
        """Log of a job."""
        job = self.jobs[index] if index < len(self.jobs) else "JOB"
        return self.folder / LOGS / f"{job}_0_log.out"


def arrays(out: Path) -> list[Array]:
    """Returns the arrays with jobs that may be queued or running."""
    all_arrays = map(Array.read, sorted(place(out).glob(f"*/{ARRAY}")))
    return [array for array in all_arrays if array is not None and not array.over]


@dataclass(frozen=True)
class Shard:
    """Input of a job: its runs, and the setting that they share."""

    path: Path
    runs: tuple[Run, ...]
    setting: Setting

    @classmethod
    def read(cls, path: Path) -> Shard:
        """Reads a shard and the setting beside it. Raises ResultsError if they are damaged."""
        try:
            setting = _SETTING.validate_python(parsed_json(path.parent / SETTING))
            runs = tuple(_run(document) for document in parsed_json(path))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ResultsError(f"{path} is no shard of runs ({error}); run again.") from error
        if changed := [name for name, card in setting.cards.items() if card.sha256 != name]:
            raise ResultsError(f"{path.parent / SETTING}: a card of it was changed ({changed[0][:12]}); run again.")
        return cls(path, runs, setting)


def _run(document: Mapping[str, Any]) -> Run:
    spec, labels = RunSpec.model_validate(document["spec"]), Labels.model_validate(document["labels"])
    return Run(str(document["id"]), spec, labels)


@dataclass(frozen=True)
class Note:
    """A job's report on a run. remark: the run continues; failed: it has ended, even if its journal does not say so."""

    id: str
    kind: Literal["remark", "failed"]
    sentence: str


def take_note(shard: Path, note: Note) -> None:
    """Appends a note to the notes of this shard's job."""
    with _notes_file(shard).open("ab", buffering=0) as file:
        file.write(_json(asdict(note)) + b"\n")


def notes(shard: Path) -> list[Note]:
    """Returns all complete notes of this shard's job; none if the file cannot be read."""
    try:
        lines = content(_notes_file(shard), MOST_BYTES).split(b"\n")[:-1]
        return [_NOTE.validate_json(line) for line in lines]
    except (OSError, ValueError):
        return []


def _notes_file(shard: Path) -> Path:
    return shard.with_suffix(".notes.jsonl")


_SETTING, _ARRAY, _NOTE = TypeAdapter(Setting), TypeAdapter(Array), TypeAdapter(Note)


def _json(value: Any) -> bytes:
    return json.dumps(value, default=str).encode()
